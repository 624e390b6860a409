#include <librebird/hands/arguments/arguments.hpp>

#include "admission.hpp"
#include "device_runner.hpp"

#include <librebird/hands/testkit/run_on.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace librebird::hands {
namespace {

using testing::HasSubstr;

constexpr const char* kSchema = R"({"type":"object","properties":{
  "text":{"type":"string"},"count":{"type":"integer"},"ratio":{"type":"number"},"loud":{"type":"boolean"},
  "mode":{"type":"string","enum":["a","b"]},"items":{"type":"array","items":{"type":"integer"}}},"required":["text"]})";

std::string check(std::string_view arguments) {
  static const ArgumentChecker checker = ArgumentChecker::create(kSchema).value();
  auto result = checker.check(arguments);
  return result ? *result : "error: " + result.error().message;
}

TEST(Arguments, GoodOnesPass) {
  EXPECT_EQ(check(R"({"text":"x","count":3})"), R"({"text":"x","count":3})");
  EXPECT_EQ(check(" {\"text\":\"x\"} \n"), R"({"text":"x"})");
  EXPECT_EQ(check(R"({"text":"x","unknown":1})"), R"({"text":"x","unknown":1})");
}

TEST(Arguments, ValuesAreCoercedAsTheOldHandlersDid) {
  EXPECT_EQ(check(R"({"text":5,"count":"17","loud":"true"})"), R"({"text":"5","count":17,"loud":true})");
  EXPECT_EQ(check(R"({"text":"x","count":5.0})"), R"({"text":"x","count":5})");
  EXPECT_EQ(check(R"({"text":"x","count":null,"mode":null})"), R"({"text":"x"})");
}

TEST(Arguments, ErrorsNameTheArgumentAndWhatWasExpected) {
  EXPECT_EQ(check("{}"), "error: The argument \"text\" is missing; it must be text.");
  EXPECT_EQ(check(""), "error: The argument \"text\" is missing; it must be text.");
  EXPECT_EQ(check(R"({"text":"x","count":"many"})"), "error: The argument \"count\" must be a whole number, not text.");
  EXPECT_EQ(check(R"({"text":["x"]})"), "error: The argument \"text\" must be text, not a list.");
  EXPECT_EQ(check(R"({"text":"x","mode":"c"})"),
            "error: The argument \"mode\" must be one of [\"a\",\"b\"], not \"c\".");
  EXPECT_THAT(check(R"({"text":"x","items":[1,"x"]})"), HasSubstr("\"items\""));
  EXPECT_EQ(check("[1]"), "error: The arguments must be one JSON object, not a list.");
}

TEST(Arguments, GarbageIsExplained) {
  for (const std::string& text :
       {std::string("{\"text\":"), std::string("{\"text\":\"x\"} x"), std::string("{'text':'x'}"), std::string("NaN"),
        std::string(5000, '['), std::string("{\"text\":\"a\\ud800\"}")}) {
    EXPECT_THAT(check(text), HasSubstr("error: The arguments")) << text.substr(0, 40);
  }
  EXPECT_THAT(check("{\"text\":\"\xff\"}"), HasSubstr("UTF-8"));
  EXPECT_THAT(check("{\"text\":\"" + std::string(300'000, 'x') + "\"}"), HasSubstr("at most 262144"));
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "{\"a\":";
  EXPECT_THAT(check(deep), HasSubstr("not valid JSON"));
}

TEST(Arguments, BrokenSchemasAreRefused) {
  for (const char* schema : {"", "[]", "{\"type\":5}", "{\"properties\":7}"})
    EXPECT_FALSE(ArgumentChecker::create(schema).ok()) << schema;
}

TEST(Admission, BoundsUsersAndRates) {
  Loop loop;
  ManualClock clock;
  clock.advance(Millis(1));
  Admission admission(loop.executor(), clock, {.running = 4, .waiting = 1, .per_user = 2, .per_user_per_minute = 60});
  auto first = testkit::run_on(loop, admission.enter("u", {}));
  auto second = testkit::run_on(loop, admission.enter("u", {}));
  ASSERT_TRUE(first.ok() && second.ok());
  auto third = testkit::run_on(loop, admission.enter("u", {}));
  EXPECT_EQ(third.error().code, Code::resource_exhausted);
  EXPECT_GT(third.error().retry_after.count(), 0);
  EXPECT_TRUE(testkit::run_on(loop, admission.enter("other", {})).ok());
  {
    auto gone = std::move(first);
  }
  EXPECT_EQ(admission.running(), 1U);
  // Six a burst: the sixth asking is the last of this moment, then one a second.
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(testkit::run_on(loop, admission.enter("u", {})).ok()) << i;
  EXPECT_EQ(testkit::run_on(loop, admission.enter("u", {})).error().code, Code::resource_exhausted);
  clock.advance(Millis(1001));
  EXPECT_TRUE(testkit::run_on(loop, admission.enter("u", {})).ok());
}

TEST(Device, ChecksWhatItOpens) {
  EXPECT_EQ(*checked_url("example.org"), "https://example.org");
  EXPECT_EQ(*checked_url("localhost:8741/x"), "https://localhost:8741/x");
  EXPECT_EQ(*checked_url("HTTP://example.org/a?b#c"), "HTTP://example.org/a?b#c");
  EXPECT_EQ(*checked_url("mailto:a@example.org"), "mailto:a@example.org");
  for (const char* url : {"", "file:///etc/passwd", "javascript:alert(1)", "--help", "https:/x", "http://", "a b",
                          "smb://x", "/etc/passwd", "vbscript:x", "x\n"}) {
    EXPECT_FALSE(checked_url(url).ok()) << url;
  }
  EXPECT_EQ(*checked_app_name("org.mozilla.firefox"), "org.mozilla.firefox");
  for (const char* name : {"", "-x", "../x", "a b", "x;y", "$(x)", ".hidden"})
    EXPECT_FALSE(checked_app_name(name).ok()) << name;
}

}  // namespace
}  // namespace librebird::hands
