#include "secrets.hpp"
#include "ascii.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace librebird::egress {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kPlaceholder = "LBSECRET-0123456789abcdef";
const std::string kValue = "s3cr\"t/va lue+\\";

Secrets one(std::vector<std::string> hosts = {"api.example"}) {
  return Secrets::make({{kPlaceholder, kValue, std::move(hosts)}}).value();
}

Target at(const std::string& url) { return parse_target(url).value(); }

TEST(Replacer, FindsAcrossEveryBorder) {
  const std::string text = "xxabcyyabcdzzabab";
  const std::vector<Replacement> pairs = {{"abc", "1"}, {"abcd", "22"}, {"zzz", "3"}};
  for (std::size_t size = 1; size <= text.size(); ++size) {
    Replacer replacer(pairs);
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += size) out += replacer.feed(std::string_view(text).substr(i, size));
    out += replacer.finish();
    EXPECT_EQ(out, "xx1yy22zzabab") << size;
    EXPECT_EQ(replacer.made(), 2U);
  }
}

TEST(Replacer, HoldsBackNoMoreThanABeginning) {
  Replacer replacer({{"needle", "x"}});
  EXPECT_EQ(replacer.feed("data: hello\n\n"), "data: hello\n\n");
  EXPECT_EQ(replacer.feed("a nee"), "a ");
  EXPECT_EQ(replacer.feed("d"), "");
  EXPECT_EQ(replacer.feed("s"), "needs");
  EXPECT_EQ(replacer.finish(), "");
  EXPECT_EQ(Replacer({{"aa", "b"}}).all("aaaaa"), "bba");
  EXPECT_EQ(Replacer({}).all("same"), "same");
}

TEST(Secrets, GoIntoPathQueryHeadersAndBodyOfTheirHost) {
  const Secrets secrets = one();
  EXPECT_EQ(*secrets.into_path(at("https://api.example/bot" + kPlaceholder + "/x?key=" + kPlaceholder)),
            "/bots3cr%22t%2Fva%20lue%2B%5C/x?key=s3cr%22t%2Fva%20lue%2B%5C");
  HttpHeaders headers = {{"X-Key", "a " + kPlaceholder + " b"},
                         {"Authorization", "Basic " + base64("user:" + kPlaceholder)},
                         {"Other", "Basic not base64!"}};
  ASSERT_TRUE(secrets.into_headers(at("https://api.example/"), headers).ok());
  EXPECT_EQ(headers[0].second, "a " + kValue + " b");
  EXPECT_EQ(headers[1].second, "Basic " + base64("user:" + kValue));
  EXPECT_EQ(headers[2].second, "Basic not base64!");
  const Target target = at("https://api.example/");
  EXPECT_EQ(secrets.into_body(target, Writing::json).all("{\"k\":\"" + kPlaceholder + "\"}"),
            R"({"k":"s3cr\"t/va lue+\\"})");
  EXPECT_EQ(secrets.into_body(target, Writing::percent).all("k=" + kPlaceholder), "k=s3cr%22t%2Fva%20lue%2B%5C");
  EXPECT_EQ(writing_of({{"content-type", "Application/JSON; charset=utf-8"}}), Writing::json);
  EXPECT_EQ(writing_of({{"Content-Type", "application/vnd.x+json"}}), Writing::json);
  EXPECT_EQ(writing_of({{"Content-Type", "application/x-www-form-urlencoded"}}), Writing::percent);
  EXPECT_EQ(writing_of({}), Writing::raw);
}

TEST(Secrets, GoNowhereElse) {
  const Secrets secrets = one();
  for (const std::string url : {"https://evil.example/", "http://api.example/", "https://api.example:8443/",
                                "https://api.example.evil.example/", "https://x.api.example/"}) {
    const Target target = at(url + kPlaceholder);
    const auto path = secrets.into_path(target);
    ASSERT_FALSE(path.ok()) << url;
    EXPECT_EQ(path.error().code, Code::permission_denied);
    EXPECT_THAT(path.error().message, testing::AllOf(HasSubstr("api.example"), Not(HasSubstr(kValue))));
    HttpHeaders headers = {{"Authorization", "Basic " + base64("user:" + kPlaceholder)}};
    EXPECT_FALSE(secrets.into_headers(target, headers).ok()) << url;
    headers = {{kPlaceholder, "x"}};
    EXPECT_FALSE(secrets.into_headers(target, headers).ok()) << url;
    EXPECT_TRUE(secrets.forbidden(target, "a" + kPlaceholder)) << url;
    EXPECT_EQ(secrets.into_body(target, Writing::raw).all(kPlaceholder), kPlaceholder);
  }
  EXPECT_FALSE(secrets.into_path(at("https://" + lower(kPlaceholder) + ".evil.example/")).ok());
  HttpHeaders headers = {{"X", "ordinary"}};
  EXPECT_TRUE(secrets.into_headers(at("https://evil.example/"), headers).ok());
}

TEST(Secrets, ComeBackAsPlaceholders) {
  const Secrets secrets = one();
  for (const std::string& form : {kValue, percent_encoded(kValue), json_escaped(kValue)}) {
    EXPECT_EQ(secrets.redactor().all("[" + form + "]"), "[" + kPlaceholder + "]");
  }
  for (const std::string before : {"", "u", "us", "user:", "name"}) {
    const std::string echoed = secrets.redactor().all("Basic " + base64(before + kValue + "!tail"));
    EXPECT_THAT(echoed, HasSubstr(kPlaceholder)) << before;
    const auto left = from_base64(echoed.substr(6, echoed.find(kPlaceholder) - 6));
    ASSERT_TRUE(left);
    EXPECT_THAT(*left, Not(HasSubstr(kValue.substr(0, 3)))) << before;
  }
}

TEST(Secrets, WrongLeasesAreRefusedWithoutTheirValue) {
  const std::vector<SecretLease> wrong = {{"short", kValue, {"a.example"}},
                                          {"has a blank in it, long", kValue, {"a.example"}},
                                          {std::string(200, 'x'), kValue, {"a.example"}},
                                          {kPlaceholder, "", {"a.example"}},
                                          {kPlaceholder, kValue, {"*"}},
                                          {kPlaceholder, kValue, {"*:8443"}},
                                          {kPlaceholder, kValue, {"http://a.example"}},
                                          {kPlaceholder, kValue, {"a b"}}};
  for (const SecretLease& lease : wrong) {
    const auto made = Secrets::make({lease});
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message, Not(HasSubstr(kValue)));
  }
  HttpHeaders headers = {{"X", kPlaceholder}};
  EXPECT_FALSE(Secrets::make({{kPlaceholder, "two\nlines", {"a.example"}}})
                   ->into_headers(at("https://a.example/"), headers)
                   .ok());
}

}  // namespace
}  // namespace librebird::egress
