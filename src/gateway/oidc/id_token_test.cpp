// Tokens and keys: what holds, and what attackers make.
#include "id_token.hpp"
#include "fake_provider.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace librebird::gateway::oidc {
namespace {

using ::testing::HasSubstr;
using testing::SigningKey;

constexpr std::int64_t kNow = 1'700'000'000;

// The usual claims; `more` overrides or adds, an empty value removes.
std::string claims(const std::map<std::string, std::string>& more = {}) {
  std::map<std::string, std::string> all{{"iss", R"("https://issuer.example")"},
                                         {"sub", R"("ada")"},
                                         {"aud", R"("client")"},
                                         {"nonce", R"("n")"},
                                         {"iat", std::to_string(kNow)},
                                         {"exp", std::to_string(kNow + 300)}};
  for (const auto& [name, value] : more) all[name] = value;
  std::string out;
  for (const auto& [name, value] : all) {
    if (!value.empty()) out += (out.empty() ? "{\"" : ",\"") + name + "\":" + value;
  }
  return out + "}";
}

const Expected kExpected{"https://issuer.example", "client", "n", "access", kNow};

Status check(const std::string& json, Expected expected = kExpected) {
  static const SigningKey key("ES256", "k");
  LB_TRY(token, parse_id_token(key.sign(json), "email_verified"));
  return check_claims(token, expected);
}

class EveryAlgorithm : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Jose, EveryAlgorithm, ::testing::Values("RS256", "PS256", "ES256", "EdDSA"));

TEST_P(EveryAlgorithm, IsVerifiedWithItsKeyAndNoOther) {
  const SigningKey key(GetParam(), "k");
  const SigningKey other(GetParam(), "k");
  const auto keys = parse_key_set(R"({"keys":[)" + key.jwk() + "]}");
  const auto others = parse_key_set(R"({"keys":[)" + other.jwk() + "]}");
  ASSERT_TRUE(keys && others);
  ASSERT_EQ(keys->size(), 1U);
  const auto token = parse_id_token(key.sign(claims()), "email_verified");
  ASSERT_TRUE(token) << token.error().message;
  const PublicKey* chosen = choose(*keys, token->key_id, token->algorithm);
  ASSERT_NE(chosen, nullptr);
  EXPECT_TRUE(chosen->verifies(token->algorithm, token->signed_text, token->signature));
  EXPECT_FALSE(chosen->verifies(token->algorithm, token->signed_text + "x", token->signature));
  std::string bent = token->signature;
  bent[5] = static_cast<char>(bent[5] ^ 1);
  EXPECT_FALSE(chosen->verifies(token->algorithm, token->signed_text, bent));
  EXPECT_FALSE(chosen->verifies(token->algorithm, token->signed_text, ""));
  EXPECT_FALSE((*others)[0].verifies(token->algorithm, token->signed_text, token->signature));
}

TEST(IdToken, IsNotTakenWithoutASignatureOrWithASharedSecret) {
  const SigningKey key("RS256", "k");
  const std::string body = to_base64url(claims());
  for (const char* head :
       {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"HS256","kid":"k"})", R"({"alg":"RS512"})",
        R"({"alg":"ES384"})", R"({"alg":["RS256"]})", R"({})", R"({"alg":"RS256","crit":["x"]})"}) {
    EXPECT_FALSE(parse_id_token(to_base64url(head) + "." + body + ".", "email_verified")) << head;
    EXPECT_FALSE(parse_id_token(key.sign_raw(head, claims()), "email_verified")) << head;
  }
}

TEST(IdToken, IsNotTakenWithAKeyOfAnotherKind) {
  const SigningKey rsa("RS256", "k");
  const SigningKey ec("ES256", "k");
  const auto keys = parse_key_set(R"({"keys":[)" + rsa.jwk() + "]}");
  ASSERT_TRUE(keys);
  EXPECT_EQ(choose(*keys, "k", Algorithm::es256), nullptr);
  EXPECT_EQ(choose(*keys, "k", Algorithm::eddsa), nullptr);
  // The key says RS256: PS256 is not its algorithm.
  EXPECT_EQ(choose(*keys, "k", Algorithm::ps256), nullptr);
  const auto token = parse_id_token(ec.sign(claims()), "email_verified");
  ASSERT_TRUE(token);
  EXPECT_FALSE((*keys)[0].verifies(Algorithm::es256, token->signed_text, token->signature));
}

TEST(IdToken, IsRefusedWhenMalformed) {
  const std::string good = SigningKey("ES256", "k").sign(claims());
  for (const std::string& bad :
       {std::string(), std::string("a.b"), std::string("..."), good + ".x", good + "=", "x" + good,
        std::string(40'000, 'a'), to_base64url("[]") + "." + to_base64url("{}") + "." + to_base64url("s"),
        to_base64url(R"({"alg":"ES256"})") + "." + to_base64url(std::string(100, '[')) + "." + to_base64url("s")}) {
    const auto token = parse_id_token(bad, "email_verified");
    EXPECT_FALSE(token && check_claims(*token, kExpected)) << bad.substr(0, 40);
  }
}

TEST(IdToken, AnswersThisSignInOnly) {
  EXPECT_TRUE(check(claims()));
  struct Case {
    std::map<std::string, std::string> change;
    const char* names;
  };
  const std::string long_name = "\"" + std::string(300, 'a') + "\"";
  for (const Case& c :
       {Case{{{"iss", R"("https://evil.example")"}}, "(iss)"}, Case{{{"iss", ""}}, "(iss)"},
        Case{{{"iss", R"("https://issuer.example/")"}}, "(iss)"}, Case{{{"sub", ""}}, "(sub)"},
        Case{{{"sub", long_name}}, "(sub)"}, Case{{{"aud", R"("other")"}}, "(aud)"}, Case{{{"aud", ""}}, "(aud)"},
        Case{{{"aud", R"(["client","other"])"}}, "(azp)"}, Case{{{"azp", R"("other")"}}, "(azp)"},
        Case{{{"nonce", R"("m")"}}, "(nonce)"}, Case{{{"nonce", ""}}, "(nonce)"}, Case{{{"exp", ""}}, "(exp)"},
        Case{{{"exp", std::to_string(kNow - 61)}}, "(exp)"}, Case{{{"exp", R"("never")"}}, "(exp)"},
        Case{{{"iat", std::to_string(kNow + 61)}}, "(iat)"}, Case{{{"iat", ""}}, "(iat)"},
        Case{{{"nbf", std::to_string(kNow + 61)}}, "(nbf)"},
        Case{{{"at_hash", R"("AAAAAAAAAAAAAAAAAAAAAA")"}}, "(at_hash)"}}) {
    const Status refused = check(claims(c.change));
    ASSERT_FALSE(refused) << c.names;
    EXPECT_EQ(refused.error().code, Code::unauthenticated);
    EXPECT_THAT(refused.error().message, HasSubstr(c.names));
  }
  EXPECT_TRUE(check(claims({{"aud", R"(["client","other"])"}, {"azp", R"("client")"}})));
  EXPECT_TRUE(check(claims({{"exp", std::to_string(kNow - 59)}, {"iat", std::to_string(kNow + 59)}})));
  // OpenID Connect Core's own recipe, computed with another tool: sha256("access"), its left half.
  EXPECT_TRUE(check(claims({{"at_hash", R"("oFYf1knNtrqnhAVfBRuteQ")"}}))) << "at_hash";
}

TEST(IdToken, NamesTheTenantThatMadeItWhereTheIssuerIsATemplate) {
  Expected expected = kExpected;
  expected.issuer = "https://login.example/{tenantid}/v2.0";
  const std::string tid = "9122040d-6c67-4c5b-b112-36a304b66dad";
  const std::string iss = R"("https://login.example/)" + tid + R"(/v2.0")";
  EXPECT_TRUE(check(claims({{"iss", iss}, {"tid", "\"" + tid + "\""}}), expected));
  EXPECT_FALSE(check(claims({{"iss", iss}}), expected));
  EXPECT_FALSE(check(claims({{"iss", iss}, {"tid", R"("00000000-0000-0000-0000-000000000000")"}}), expected));
  EXPECT_FALSE(
      check(claims({{"iss", R"("https://login.example/x/../evil/v2.0")"}, {"tid", R"("x/../evil")"}}), expected));
  EXPECT_FALSE(
      check(claims({{"iss", R"("https://login.example/{tenantid}/v2.0")"}, {"tid", R"("{tenantid}")"}}), expected));
}

TEST(KeySet, LeavesOutWhatCannotBeTrusted) {
  const SigningKey weak("RS256", "weak", 1024);
  const auto keys =
      parse_key_set(R"({"keys":[)" + weak.jwk() +
                    R"(,{"kty":"oct","k":"c2VjcmV0","kid":"shared"},{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"},
         {"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
         {"kty":"RSA","n":"","e":""},{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":7},5,{}]})");
  ASSERT_TRUE(keys);
  EXPECT_TRUE(keys->empty());
  EXPECT_FALSE(parse_key_set("[]"));
  EXPECT_FALSE(parse_key_set(R"({"keys":{}})"));
  std::string many = R"({"keys":[{})";
  for (int i = 0; i < 100; ++i) many += ",{}";
  EXPECT_FALSE(parse_key_set(many + "]}"));
}

TEST(KeySet, DoesNotGuessWhichKeyIsMeant) {
  const SigningKey one("ES256", "1");
  const SigningKey two("ES256", "2");
  const auto keys = parse_key_set(R"({"keys":[)" + one.jwk() + "," + two.jwk() + "]}");
  ASSERT_TRUE(keys);
  EXPECT_EQ(choose(*keys, "", Algorithm::es256), nullptr);
  EXPECT_EQ(choose(*keys, "3", Algorithm::es256), nullptr);
  EXPECT_EQ(choose(*keys, "2", Algorithm::es256), &(*keys)[1]);
}

}  // namespace
}  // namespace librebird::gateway::oidc
