#include <librebird/hands/testkit/fakes.hpp>
#include <librebird/hands/testkit/run_on.hpp>
#include <librebird/hands/vault/leak_scanner.hpp>
#include <librebird/hands/vault/redactor.hpp>
#include <librebird/hands/vault/vault.hpp>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include <chrono>
#include <random>

namespace librebird::vault {
namespace {

using std::string;

string streamed(const std::shared_ptr<const Redactor>& redactor, std::string_view text, std::size_t piece) {
  Redactor::Stream stream(redactor);
  string out;
  for (std::size_t i = 0; i < text.size(); i += piece) out += stream.feed(text.substr(i, piece));
  return out + stream.finish();
}

string scanned(std::string_view text, std::size_t piece, std::vector<Leak>* leaks = nullptr) {
  LeakScanner::Stream stream;
  string out;
  for (std::size_t i = 0; i < text.size(); i += piece) out += stream.feed(text.substr(i, piece));
  out += stream.finish();
  if (leaks != nullptr) *leaks = stream.leaks();
  return out;
}

// ---- Redactor ----

TEST(Redactor, KnowsNothingAndChangesNothing) {
  const Redactor none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.redact("anything"), "anything");
  EXPECT_EQ(none.redact_json("[1, 2]"), "[1, 2]");
  const Redactor useless({{"", "x"}, {"abc", "x"}});
  EXPECT_TRUE(useless.empty());
}

TEST(Redactor, TakesAValueOutOfEveryFormItTravelsIn) {
  const string value = "s3cr&t/ \"va+lue\"\n~ü?";
  const auto redactor = std::make_shared<const Redactor>(std::vector<KnownValue>{{value, "[secret:key]"}});
  const std::vector<string> carriers = {
      value,
      R"({"a":"s3cr&t/ \"va+lue\"\n~ü?"})",
      R"({"a":"s3cr&t\/ \"va+lue\"\n~ü?"})",
      R"({"a":"s3cr&t/ \"va+lue\"\n~\u00fc?"})",
      R"("{\"a\":\"s3cr&t/ \\\"va+lue\\\"\\n~ü?\"}")",
      "q=s3cr%26t%2F%20%22va%2Blue%22%0A~%C3%BC%3F&b",
      "q=s3cr%26t%2f%20%22va%2blue%22%0a~%c3%bc%3f&b",
      "q=s3cr%26t%2F+%22va%2Blue%22%0A~%C3%BC%3F&b",
      "q=s3cr%26t%2F+%22va%2Blue%22%0A%7E%C3%BC%3F&b",
      "7333637226742f20227661"
      "2b6c7565220a7ec3bc3f",
      "733363722674"
      "2F20227661"
      "2B6C7565220A7EC3BC3F",
      "czNjciZ0LyAidmErbHVlIgp+w7w/",
      "czNjciZ0LyAidmErbHVlIgp-w7w_",
      "eHMzY3ImdC8gInZhK2x1ZSIKfsO8Pw==",    // one byte before it
      "eHhzM2NyJnQvICJ2YStsdWUiCn7DvD94",    // two before, one behind
  };
  for (const string& carrier : carriers) {
    std::size_t found = 0;
    const string clean = redactor->redact(carrier, &found);
    EXPECT_EQ(found, 1U) << carrier << " became " << clean;
    EXPECT_NE(clean.find("[secret:key]"), string::npos) << carrier;
    for (const std::size_t piece : {1, 2, 3, 7, 1000}) EXPECT_EQ(streamed(redactor, carrier, piece), clean);
  }
}

TEST(Redactor, HoldsBackNoMoreThanItMust) {
  const auto redactor = std::make_shared<const Redactor>(std::vector<KnownValue>{{"password1", "[gone]"}});
  Redactor::Stream stream(redactor);
  EXPECT_EQ(stream.feed("hello pass"), "hello ");
  EXPECT_EQ(stream.feed("age "), "passage ");
  EXPECT_EQ(stream.feed("password"), "");
  EXPECT_EQ(stream.feed("1 it is"), "[gone] it is");
  EXPECT_EQ(stream.feed("passw"), "");
  EXPECT_EQ(stream.finish(), "passw");
  EXPECT_EQ(stream.found(), 1U);
  EXPECT_EQ(stream.feed("ord1"), "ord1");  // as new: nothing of before counts
}

TEST(Redactor, OverlappingAndNestedValues) {
  const auto redactor = std::make_shared<const Redactor>(
      std::vector<KnownValue>{{"abcdef", "[1]"}, {"cdefgh", "[2]"}, {"cdef", "[3]"}, {"aaaa", "[4]"}});
  EXPECT_EQ(redactor->redact("xabcdefghx"), "x[1]x");
  EXPECT_EQ(redactor->redact("abcdefabcdef"), "[1][1]");
  EXPECT_EQ(redactor->redact("aaaaaaaaa"), "[4]");
  EXPECT_EQ(redactor->redact("xcdefx"), "x[3]x");
  for (const std::size_t piece : {1, 2, 5}) {
    EXPECT_EQ(streamed(redactor, "xabcdefghx", piece), "x[1]x");
    EXPECT_EQ(streamed(redactor, "aaaaaaaaa", piece), "[4]");
  }
}

TEST(Redactor, TheReplacementNeverBringsAValueBack) {
  // The value is what a careless replacement would say, or what it would complete.
  for (const string& value : std::vector<string>{"[secret:x]", "redacted", "ret:x]ab", "]abc", "[redacted]", "x[sec"}) {
    const Redactor redactor({{value, "[secret:x]"}, {"othervalue", "[secret:x]"}});
    for (const string& text :
         std::vector<string>{value, string("othervalue") + value, "othervalueabc", "xothervalue", value + value}) {
      EXPECT_EQ(redactor.redact(text).find(value), string::npos) << value << " in " << redactor.redact(text);
    }
  }
}

TEST(Redactor, JsonStaysJson) {
  const Redactor redactor({{"12345678", "[secret:pin]"}, {"a\"b\\c", "[secret:odd]"}});
  const string clean =
      redactor.redact_json(R"({"n":12345678,"f":[1,-12345678,"x12345678y"],"12345678":"a\"b\\c","ok":true})");
  EXPECT_EQ(clean,
            R"({"n":"[secret:pin]","f":[1,"-[secret:pin]","x[secret:pin]y"],"[secret:pin]":"[secret:odd]","ok":true})");
  const string untouched = R"({ "spaces" :  [1.50, 1e3] })";
  EXPECT_EQ(redactor.redact_json(untouched), untouched);
  EXPECT_EQ(redactor.redact_json("{broken 12345678"), "{broken [secret:pin]");
}

TEST(Redactor, RandomValuesInRandomPieces) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    // Few letters: many overlaps and half matches.
    const auto text = [&](std::size_t length) {
      string out;
      for (std::size_t i = 0; i < length; ++i) out += static_cast<char>("ab%2\\"[random() % 5]);
      return out;
    };
    std::vector<KnownValue> values;
    for (int i = 0; i < 3; ++i) values.push_back({text(4 + random() % 4), "[s]"});
    const auto redactor = std::make_shared<const Redactor>(values);
    const string input = text(200);
    const string whole = redactor->redact(input);
    EXPECT_EQ(streamed(redactor, input, 1 + random() % 9), whole);
    for (const KnownValue& known : values) ASSERT_EQ(whole.find(known.value), string::npos) << known.value;
  }
}

TEST(Redactor, TimeGrowsWithTheTextOnly) {
  // Text that nearly matches everywhere.
  const string almost = string(4000, 'a');
  const Redactor redactor({{almost + "b", "[s]"}});
  const auto time = [&](std::size_t size) {
    const string text(size, 'a');
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(redactor.redact(text).size(), size);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  (void)time(1 << 20);
  EXPECT_LT(time(4 << 20), 5.0);  // quadratic would be minutes
}

TEST(Redactor, ValuesThatUseUpEverySign) {
  string every;
  for (int c = 1; c < 256; ++c) every += static_cast<char>(c);
  const Redactor redactor({{every, "[s]"}, {"xabcd", "[s]"}, {"\xff\xfe\xfd\xfc", "[s]"}});
  // Taking the inner value out must not join the outer one.
  const string text = every.substr(0, 100) + "xabcd" + every.substr(100);
  EXPECT_EQ(redactor.redact(text).find(every), string::npos);
  EXPECT_EQ(redactor.redact(text).find("xabcd"), string::npos);
}

// ---- LeakScanner ----

struct Example {
  const char* kind;
  string token;
};
std::vector<Example> examples() {
  const string letters = "a8Kd0PzQ7mXw3LrT5vBn9cHy2JfGs6EuA1oIq4DtRkVbWxYpZlNeMhCgSjFiUO";
  const string hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  const string block = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA" + letters + "\n" + letters +
                       "==\n-----END RSA PRIVATE KEY-----";
  return {{"aws_access_key_id",
           "AKIA"
           "IOSFODNN7EXAMPLE"},
          {"github_token", "ghp_" + letters.substr(0, 36)},
          {"github_token", "github_pat_" + letters.substr(0, 22) + "_" + letters},
          {"slack_token",
           "xoxb-"
           "123456789012-" +
               letters.substr(0, 24)},
          {"slack_webhook", "hooks.slack.com/services/T00000000/B00000000/" + letters.substr(0, 24)},
          {"openai_key", "sk-" + letters.substr(0, 48)},
          {"openai_key", "sk-proj-" + letters},
          {"anthropic_key", "sk-ant-api03-" + letters},
          {"google_api_key", "AIza" + letters.substr(0, 35)},
          {"stripe_key", "sk_live_" + letters.substr(0, 24)},
          {"gitlab_token", "glpat-" + letters.substr(0, 20)},
          {"twilio_key", "SK" + hex.substr(0, 32)},
          {"telegram_bot_token", ":AA" + letters.substr(0, 33)},
          {"librebird_api_key", "lb_" + letters.substr(0, 43)},
          {"jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + letters.substr(0, 43)},
          {"private_key", block},
          {"private_key", "-----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNzaC1rZXk\\n-----END OPENSSH PRIVATE KEY-----"},
          {"private_key", "-----BEGIN PGP PRIVATE KEY BLOCK-----\nxyz\n-----END PGP PRIVATE KEY BLOCK-----"}};
}

TEST(LeakScanner, FindsEveryKindWhereverItStands) {
  for (const Example& example : examples()) {
    const bool after_digit = string(example.kind) == "telegram_bot_token";
    for (const string& before : {string(after_digit ? "123" : ""), string(after_digit ? "bot=9" : "key="),
                                 string(after_digit ? "\\n7" : "a\\n"), string(after_digit ? "1" : "x%3D")}) {
      for (const string& after : {"", " and more", "\"}", "\n"}) {
        const string text = before + example.token + after;
        const LeakScan scan = LeakScanner::scan(text);
        ASSERT_EQ(scan.leaks.size(), 1U) << text << " → " << scan.masked;
        EXPECT_EQ(scan.leaks[0].kind, example.kind);
        EXPECT_EQ(scan.leaks[0].offset, before.size());
        EXPECT_EQ(scan.leaks[0].length, example.token.size()) << text;
        EXPECT_EQ(scan.masked, before + "[" + example.kind + " removed]" + after);
        for (const std::size_t piece : {1, 3, 16, 61}) {
          std::vector<Leak> leaks;
          EXPECT_EQ(scanned(text, piece, &leaks), scan.masked);
          ASSERT_EQ(leaks.size(), 1U);
          EXPECT_EQ(leaks[0].offset, before.size());
          EXPECT_EQ(leaks[0].length, example.token.size());
        }
      }
    }
  }
}

TEST(LeakScanner, NamedSecretsAndPasswordsInUrls) {
  const string key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  EXPECT_EQ(LeakScanner::scan("aws_secret_access_key = " + key + "\n").masked,
            "aws_secret_access_key = [aws_secret_access_key removed]\n");
  EXPECT_EQ(LeakScanner::scan("{\"SecretAccessKey\":\"" + key + "\"}").masked,
            "{\"SecretAccessKey\":\"[aws_secret_access_key removed]\"}");
  EXPECT_EQ(LeakScanner::scan("postgres://bird:hunter2!@db:5432/x").masked,
            "postgres://bird:[url_password removed]@db:5432/x");
  for (const char* innocent :
       {"http://localhost:8080/a@b", "https://example.org/?q=a:b@c", "see ://x:y@", "a://b:@c"}) {
    EXPECT_EQ(LeakScanner::scan(innocent).masked, innocent);
  }
}

TEST(LeakScanner, LeavesInnocentTextAlone) {
  for (const string& text : std::vector<string>{
           "The task-force asked for sk-8 skis; AKIA is a prefix, ghp_ too, and eyJ begins JSON.",
           "AKIAIOSFODNN7EXAMPLEX", "TASKAKIAIOSFODNN7EXAMPLE",
           "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "eyJhbGciOiJIUzI1NiJ9.notatoken",
           "0123456789abcdef0123456789abcdef", "sk-learn is a package",
           "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4", "", "-", "-----",
           "3b1f0e5c-7a0d-7c41-9d37-0193a0000000", "mask-proj-abcdefghijklmnopqrstuvwxyz"}) {
    EXPECT_EQ(LeakScanner::scan(text).masked, text);
    EXPECT_EQ(scanned(text, 1), text);
  }
}

TEST(LeakScanner, AnEndlessTokenIsSwallowedAndAKeyWithoutEndIsCutOff) {
  const string text = "sk-" + string(100'000, 'x') + " end";
  EXPECT_EQ(scanned(text, 1000), "[openai_key removed] end");
  const string open = "-----BEGIN PRIVATE KEY-----\n" + string(3000, 'A');
  EXPECT_EQ(scanned(open, 100), "[private_key removed]");
}

TEST(LeakScanner, MasksAllThoughItReportsOnlySome) {
  string text;
  for (int i = 0; i < 500; ++i) text += "AKIAIOSFODNN7EXAMPLE ";
  const LeakScan scan = LeakScanner::scan(text);
  EXPECT_EQ(scan.leaks.size(), kMaxReportedLeaks);
  EXPECT_EQ(scan.masked.find("AKIA"), string::npos);
}

TEST(LeakScanner, JsonStaysJson) {
  const string json = R"({"key":"AKIAIOSFODNN7EXAMPLE","nested":["a\nghp_)" + string(36, 'z') + R"(",5]})";
  const LeakScan scan = LeakScanner::scan_json(json);
  EXPECT_EQ(scan.masked, R"({"key":"[aws_access_key_id removed]","nested":["a\n[github_token removed]",5]})");
  EXPECT_EQ(scan.leaks.size(), 2U);
}

TEST(LeakScanner, TimeGrowsWithTheTextOnly) {
  const auto time = [](const string& unit) {
    string text;
    while (text.size() < (1U << 20)) text += unit;
    const auto began = std::chrono::steady_clock::now();
    (void)LeakScanner::scan(text);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  for (const char* unit : {"eyJ-", "eyJaaaaaaaa.eyJaaaaaaaa.", "eyJaaaaaaaa.", "://a:", "-----BEGIN ", "sk-", "sk-ant-",
                           "aws_secret_access_key", "AKIA", "1//0", "s", "://aaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_LT(time(unit), 5.0) << unit;
  }
}

// ---- Vault ----

class VaultTest : public testing::Test {
 protected:
  template <class T>
  T run(Task<T> task) {
    return testkit::run_on(loop_, std::move(task));
  }
  Loop loop_;
  SystemRandom random_;
  testkit::MemorySecretStore secrets_;
  Vault vault_{secrets_, random_};
  Principal me_{"u", "w", Role::owner, ""};
};

TEST_F(VaultTest, LeasesAreRandomAndPreferTheUsersOwn) {
  secrets_.values[{"skill/weather", "key"}] = "workspace-value";
  secrets_.values[{"skill/weather", "other"}] = "other-value";
  secrets_.values[{"user/skill/weather", "key"}] = "users-value";
  const std::vector<WantedSecret> wanted = {
      {"key", {"api.example.org"}, true}, {"other", {}, true}, {"absent", {}, false}};
  const auto first = run(vault_.lease(me_, "skill/weather", wanted));
  const auto second = run(vault_.lease(me_, "skill/weather", wanted));
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(first->size(), 2U);
  EXPECT_EQ((*first)[0].value, "users-value");
  EXPECT_EQ((*first)[1].value, "other-value");
  EXPECT_EQ((*first)[0].hosts, std::vector<string>{"api.example.org"});
  EXPECT_NE((*first)[0].placeholder, (*second)[0].placeholder);
  EXPECT_NE((*first)[0].placeholder, (*first)[1].placeholder);
  EXPECT_GE((*first)[0].placeholder.size(), 16U);
  EXPECT_LE((*first)[0].placeholder.size(), 128U);
  for (const char c : (*first)[0].placeholder) EXPECT_TRUE(std::isalnum(c) || c == '_' || c == '-');
}

TEST_F(VaultTest, ARequiredSecretThatIsNotSetSaysHowToSetIt) {
  const auto missing = run(vault_.lease(me_, "skill/weather", {{"key", {}, true}}));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Code::failed_precondition);
  EXPECT_NE(missing.error().message.find("librebird secret set skill/weather key"), string::npos);
}

TEST_F(VaultTest, TheGuardKnowsEverySecretAndNoticesNewOnes) {
  secrets_.values[{"skill/a", "one"}] = "first-value";
  auto guard = run(vault_.guard(me_, {}));
  ASSERT_TRUE(guard.ok());
  EXPECT_EQ((*guard)->result(R"({"x":"first-value"})"), R"({"x":"[secret:one]"})");
  (void)run(vault_.guard(me_, {}));
  EXPECT_EQ(secrets_.revealed, 1);
  EXPECT_TRUE(run(secrets_.put(me_, "skill/b", "two", "second-value")).ok());
  guard = run(vault_.guard(me_, {}));
  EXPECT_EQ(secrets_.revealed, 2);
  EXPECT_EQ((*guard)->text("second-value first-value AKIAIOSFODNN7EXAMPLE"),
            "[secret:two] [secret:one] [aws_access_key_id removed]");
  EXPECT_EQ((*guard)->report(), "known secrets kept back: 2; aws_access_key_id kept back: 1");
}

TEST_F(VaultTest, OutputIsGuardedAcrossItsPieces) {
  secrets_.values[{"skill/a", "one"}] = "first-value";
  const auto guard = run(vault_.guard(me_, {SecretLease("leased", "lbsecret-x", "leased-value", {})}));
  string out;
  const auto sink = (*guard)->wrap([&](std::string_view text) { out += text; });
  for (const char c : string("a first-value b leased-value ghp_") + string(40, 'k') + " end") sink(string(1, c));
  (*guard)->finish_output();
  EXPECT_EQ(out, "a [secret:one] b [secret:leased] [github_token removed] end");
  EXPECT_EQ((*guard)->report(), "known secrets kept back: 2; github_token kept back: 1");
}

TEST_F(VaultTest, AWatchTellsWhatGoesBy) {
  secrets_.values[{"skill/a", "one"}] = "first-value";
  const auto guard = run(vault_.guard(me_, {}));
  const auto watch = (*guard)->watch();
  EXPECT_FALSE(watch->feed("POST /x first-va"));
  const auto known = watch->feed("lue and more");
  ASSERT_TRUE(known.has_value());
  EXPECT_TRUE(known->known);
  EXPECT_FALSE(watch->feed(" AKIAIOSFODNN7"));
  EXPECT_FALSE(watch->feed("EXAMPLE"));  // it might go on
  const auto shape = watch->finish();
  ASSERT_TRUE(shape.has_value());
  EXPECT_EQ(shape->name, "aws_access_key_id");
  EXPECT_FALSE(shape->known);
}

TEST(SecretLease, IsWipedWhenItIsMovedFrom) {
  SecretLease lease("n", "p", "short", {"h"});
  SecretLease moved(std::move(lease));
  EXPECT_EQ(moved.value, "short");
  EXPECT_EQ(lease.value, "");  // NOLINT: that is the point
  moved = SecretLease("m", "q", "another", {});
  EXPECT_EQ(moved.value, "another");
}

}  // namespace
}  // namespace librebird::vault
