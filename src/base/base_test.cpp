#include <librebird/base/clock.hpp>
#include <librebird/base/config.hpp>
#include <librebird/base/json_value.hpp>
#include <librebird/base/json_writer.hpp>
#include <librebird/base/metrics.hpp>
#include <librebird/base/random.hpp>
#include <librebird/base/utf8.hpp>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <set>

namespace librebird {
namespace {

TEST(Clock, FormatsRfc3339) {
  EXPECT_EQ(to_rfc3339(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(1'700'000'000'123), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(to_rfc3339(-1), "1969-12-31T23:59:59.999Z");
}

TEST(Ids, AreUuidsThatSortByCreation) {
  ManualClock clock;
  SystemRandom random;
  IdGenerator ids(clock, random);
  std::string last;
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = ids.next();
    ASSERT_TRUE(is_uuid(id)) << id;
    EXPECT_EQ(id[14], '7');
    EXPECT_GT(id, last);
    EXPECT_TRUE(seen.insert(id).second);
    last = id;
  }
}

TEST(Ids, ForeignFormsAreRefused) {
  EXPECT_FALSE(is_uuid(""));
  EXPECT_FALSE(is_uuid("0190163D-8694-739B-AEA5-966C26F8AD91"));
  EXPECT_FALSE(is_uuid("0190163d-8694-739b-aea5-966c26f8ad9"));
  EXPECT_FALSE(is_uuid("0190163d-8694-739b-aea5-966c26f8ad9'"));
}

TEST(Secrets, TokensAreUrlSafeAndHashesKnown) {
  SystemRandom random;
  const std::string token = random_token(random, 32);
  EXPECT_EQ(token.size(), 43U);
  EXPECT_EQ(token.find_first_of("+/="), std::string::npos);
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_TRUE(constant_time_equal("same", "same"));
  EXPECT_FALSE(constant_time_equal("same", "sane"));
  EXPECT_FALSE(constant_time_equal("same", "sam"));
}

TEST(Utf8, KnowsWellFormedText) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("plain ascii, long enough for words"));
  EXPECT_TRUE(is_utf8("gr\xC3\xBC\xC3\x9F \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x90\xA6"));
  for (const char* bad : {"\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                          "\xF8\x88\x80\x80\x80", "abc\xE6\x97", "\xFF", "12345678\xC3"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
    EXPECT_TRUE(is_utf8(to_valid_utf8(bad)));
  }
}

TEST(Utf8, PrefixesEndBetweenCharacters) {
  const std::string text = "a\xC3\xBC\xF0\x9F\x90\xA6";
  EXPECT_EQ(utf8_prefix(text, 2), "a");
  EXPECT_EQ(utf8_prefix(text, 3), "a\xC3\xBC");
  EXPECT_EQ(utf8_prefix(text, 6), "a\xC3\xBC");
  EXPECT_EQ(utf8_prefix(text, 7), text);
}

TEST(JsonValue, NumbersThatCannotBeWrittenAgainAreFound) {
  for (const char* text : {"1", "-1.5e300", R"({"a":[1,{"b":null}],"c":"1e600"})", "[]"}) {
    EXPECT_TRUE(has_finite_numbers(boost::json::parse(text))) << text;
  }
  for (const char* text : {"1e600", "-1e600", R"({"a":[1,{"b":1e600}]})", "[[[1e600]]]"}) {
    EXPECT_FALSE(has_finite_numbers(boost::json::parse(text))) << text;
  }
}

TEST(JsonWriter, NestsAndEscapes) {
  JsonWriter json;
  json.begin_object().field("a", "q\"\\\n\x01").field("n", 3).field("no", std::optional<std::string>());
  json.key("list").begin_array().value(true).value(1.5).value(std::nan("")).end_array();
  json.key("empty").begin_object().end_object().raw_field("raw", R"({"x":1})").end_object();
  EXPECT_EQ(json.text(), R"({"a":"q\"\\\n\u0001","n":3,"no":null,"list":[true,1.5,null],"empty":{},"raw":{"x":1}})");
}

std::vector<ConfigKey> schema() {
  return {{"server.port", ConfigType::integer, std::int64_t{8741}, "LB_PORT", false, "port"},
          {"server.hosts", ConfigType::text_list, std::vector<std::string>{}, "", false, "hosts"},
          {"model", ConfigType::text, std::string(), "LB_MODEL", false, "model"},
          {"verbose", ConfigType::boolean, false, "LB_VERBOSE", false, "verbose"}};
}

class ConfigFile : public testing::Test {
 protected:
  Result<Config> load(const std::string& text, std::map<std::string, std::string> environment = {}) {
    const std::string path = testing::TempDir() + "config_test.toml";
    std::ofstream(path) << text;
    return Config::load(schema(), path, [environment](std::string_view name) -> std::optional<std::string> {
      const auto found = environment.find(std::string(name));
      if (found == environment.end()) return std::nullopt;
      return found->second;
    });
  }
};

TEST_F(ConfigFile, FileThenEnvironmentThenDefaults) {
  const auto config = load("model = \"a/b\"\n[server]\nport = 1\nhosts = [\"x\"]\n", {{"LB_PORT", "2"}});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->integer("server.port"), 2);
  EXPECT_EQ(config->text("model"), "a/b");
  EXPECT_EQ(config->text_list("server.hosts"), std::vector<std::string>{"x"});
  EXPECT_FALSE(config->boolean("verbose"));
}

TEST_F(ConfigFile, ErrorsNameKeyLineAndFix) {
  const auto unknown = load("model = \"x\"\n[server]\nprot = 1\n");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("line 3"), std::string::npos);
  EXPECT_NE(unknown.error().message.find("server.port"), std::string::npos);
  const auto type = load("[server]\nport = \"many\"\n");
  ASSERT_FALSE(type);
  EXPECT_NE(type.error().message.find("whole number"), std::string::npos);
  const auto broken = load("model = \n");
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("line 1"), std::string::npos);
  const auto environment = load("", {{"LB_PORT", "12x"}});
  ASSERT_FALSE(environment);
  EXPECT_NE(environment.error().message.find("LB_PORT"), std::string::npos);
}

TEST(Config, AMissingFileIsNamed) {
  const auto config = Config::load(schema(), "/nonexistent/librebird.toml", Config::process_environment());
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, Code::not_found);
}

TEST(Metrics, CountAndSnapshot) {
  metrics::counter("test_total", "help", {{"b", "2"}, {"a", "1"}}).add(3);
  metrics::counter("test_total", "help", {{"a", "1"}, {"b", "2"}}).add();
  metrics::histogram("test_seconds", "help").observe(0.002);
  bool found = false;
  for (const auto& family : metrics::snapshot()) {
    if (family.name != "test_total") continue;
    found = true;
    ASSERT_EQ(family.samples.size(), 1U);
    EXPECT_EQ(family.samples[0].value, 4);
  }
  EXPECT_TRUE(found);
}

TEST(Codes, NamesRoundTrip) {
  for (int i = 0; i <= static_cast<int>(Code::internal); ++i) {
    const Code code = static_cast<Code>(i);
    EXPECT_EQ(code_from_string(to_string(code)), code);
  }
  EXPECT_FALSE(code_from_string("nonsense"));
}

}  // namespace
}  // namespace librebird
