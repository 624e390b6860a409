#include <librebird/core/credentials/jwt.hpp>

#include "encoding.hpp"

#include <gtest/gtest.h>

namespace librebird {
namespace {

using credentials::base64url;
using credentials::from_base64url;
using credentials::hmac_sha256;

const std::string kKey = "a key of at least thirty-two bytes";
constexpr std::int64_t kNow = 1'700'000'000;
const std::string kUser = "018bcfe5-6800-7000-8000-000000000001";
const std::string kHome = "018bcfe5-6800-7000-8000-000000000002";
const std::string kSession = "018bcfe5-6800-7000-8000-000000000003";
const std::string kHeader = R"({"alg":"HS256","typ":"JWT"})";

TokenClaims claims() { return {kUser, "a@b.c", {{kHome, Role::owner}}, kNow, kNow + kTokenSeconds, kSession, 7}; }

std::string signed_with(std::string_view header, std::string_view payload, std::string_view key = kKey) {
  const std::string part = base64url(header) + "." + base64url(payload);
  return part + "." + base64url(hmac_sha256(key, part));
}

std::string payload_of(const std::string& token) {
  const std::size_t dot = token.find('.');
  return from_base64url(token.substr(dot + 1, token.rfind('.') - dot - 1)).value();
}

TEST(Jwt, HoldsWhatTheSpecSays) {
  const std::string token = sign_token(claims(), kKey);
  EXPECT_TRUE(is_token(token));
  EXPECT_EQ(payload_of(token), R"({"sub":")" + kUser + R"(","email":"a@b.c","workspaces":[{"id":")" + kHome +
                                   R"(","role":"owner"}],"iat":1700000000,"exp":1700604800,"sid":")" + kSession +
                                   R"(","epoch":7})");
  const auto read = verify_token(token, kKey, kNow);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->user_id, kUser);
  EXPECT_EQ(read->session_id, kSession);
  EXPECT_EQ(read->epoch, 7);
  ASSERT_EQ(read->workspaces.size(), 1U);
  EXPECT_EQ(read->workspaces[0].role, Role::owner);
}

TEST(Jwt, HmacIsThatOfTheStandard) {
  // RFC 7515, appendix A.1.
  const std::string key =
      from_base64url("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow").value();
  EXPECT_EQ(base64url(hmac_sha256(key,
                                  "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
                                  "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290"
                                  "Ijp0cnVlfQ")),
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

TEST(Jwt, Base64UrlIsReadStrictly) {
  EXPECT_EQ(from_base64url("Zg"), "f");
  EXPECT_EQ(base64url(std::string("\xfb\xff\xfe", 3)), "-__-");
  for (const char* bad : {"Z", "Zg==", "Zh", "Zm9", "Z g", "-_+/", "Zg\n"}) {
    EXPECT_FALSE(from_base64url(bad).has_value() && std::string(bad) != "Zm9") << bad;
  }
  EXPECT_EQ(from_base64url("Zm8"), "fo");
  EXPECT_FALSE(from_base64url("Zm9").has_value());
}

TEST(Jwt, ForeignAndAlteredTokensAreRefused) {
  const std::string token = sign_token(claims(), kKey);
  const std::string payload = payload_of(token);
  EXPECT_FALSE(verify_token(token, kKey + "x", kNow).ok());
  EXPECT_FALSE(verify_token(token, "", kNow).ok());
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string forged = token;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(verify_token(forged, kKey, kNow).ok()) << i;
    EXPECT_FALSE(verify_token(token.substr(0, i), kKey, kNow).ok()) << i;
  }
  for (const std::string& bad :
       {std::string(), std::string(".."), token + ".", token + "=", token + "A", " " + token, token + "\n", "." + token,
        token.substr(0, token.rfind('.') + 1), token + "." + token, std::string(100'000, 'a')}) {
    const auto read = verify_token(bad, kKey, kNow);
    ASSERT_FALSE(read.ok()) << bad.substr(0, 80);
    EXPECT_EQ(read.error().code, Code::unauthenticated);
  }
}

TEST(Jwt, OnlyOurHeaderIsTaken) {
  const std::string payload = payload_of(sign_token(claims(), kKey));
  EXPECT_TRUE(verify_token(signed_with(kHeader, payload), kKey, kNow).ok());
  for (const char* header :
       {R"({"alg":"none","typ":"JWT"})", R"({"alg":"None","typ":"JWT"})", R"({"alg":"HS512","typ":"JWT"})",
        R"({"alg":"RS256","typ":"JWT"})", R"({"alg":"hs256","typ":"JWT"})", R"({"alg":"HS256"})", R"({"typ":"JWT"})",
        R"({"alg":"HS256","typ":"JWT","kid":"../../key"})", R"({"alg":"HS256","typ":"JWT","crit":["b64"]})",
        R"({"alg":["HS256"],"typ":"JWT"})", R"({})", R"([])", R"("HS256")", "", "{"}) {
    EXPECT_FALSE(verify_token(signed_with(header, payload), kKey, kNow).ok()) << header;
  }
  const std::string bare = base64url(R"({"alg":"none","typ":"JWT"})") + "." + base64url(payload) + ".";
  EXPECT_FALSE(verify_token(bare, kKey, kNow).ok());
}

TEST(Jwt, TimesMustMakeSense) {
  const std::string token = sign_token(claims(), kKey);
  EXPECT_TRUE(verify_token(token, kKey, kNow + kTokenSeconds - 1).ok());
  EXPECT_FALSE(verify_token(token, kKey, kNow + kTokenSeconds).ok());
  EXPECT_TRUE(verify_token(token, kKey, kNow - 60).ok());
  EXPECT_FALSE(verify_token(token, kKey, kNow - 61).ok());
  TokenClaims eternal = claims();
  eternal.expires_at = kNow + kTokenSeconds + 1;
  EXPECT_FALSE(verify_token(sign_token(eternal, kKey), kKey, kNow).ok());
  eternal.expires_at = kNow;
  EXPECT_FALSE(verify_token(sign_token(eternal, kKey), kKey, kNow - 1).ok());
}

TEST(Jwt, PayloadsOfOtherShapesAreRefused) {
  const std::string good = payload_of(sign_token(claims(), kKey));
  const auto replaced = [&](std::string_view what, std::string_view with) {
    std::string out = good;
    return out.replace(out.find(what), what.size(), with);
  };
  for (const std::string& bad :
       {std::string("{}"), std::string("[]"), std::string("null"), replaced("sub", "usr"), replaced(kUser, "me"),
        replaced("\"a@b.c\"", "7"), replaced("owner", "root"), replaced(kHome, ""), replaced("sid", "jti"),
        replaced("1700604800", "\"1700604800\""), replaced("1700604800", "1700604800.5"),
        replaced("1700604800", "1e99"), replaced("\"epoch\":7", "\"epoch\":null"), replaced("[{", "[[{")}) {
    EXPECT_FALSE(verify_token(signed_with(kHeader, bad), kKey, kNow).ok()) << bad;
  }
}

}  // namespace
}  // namespace librebird
