// A whole sign-in against a provider made here, and those who would bend it.
#include "fake_provider.hpp"
#include "pending.hpp"

#include <librebird/gateway/oidc/external_sign_in.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace librebird::gateway::oidc {
namespace {

using testing::FakeWeb;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::run;
using testing::SigningKey;

const std::string kIssuer = "https://issuer.example";
const std::string kKey(32, 'k');
const std::string kRedirect = "https://bird.example/api/v1/auth/oidc/oidc/callback";

std::string parameter(const std::string& url, const std::string& name) {
  const std::size_t at = url.find(name + "=");
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size() + 1;
  return url.substr(begin, url.find('&', begin) - begin);
}

Task<void> started(ExternalSignIn& external, StartRequest request, std::optional<Result<Started>>& out) {
  out = co_await external.start(std::move(request));
}
Task<void> finished(ExternalSignIn& external, std::string provider, Answer answer, std::string cookie,
                    std::optional<Result<Finished>>& out) {
  out = co_await external.finish(std::move(provider), std::move(answer), std::move(cookie), {});
}

class SignIn : public ::testing::Test {
 protected:
  SignIn() {
    publish("");
    publish_keys(key_);
    web_.pages[kIssuer + "/token"] = [this](const HttpRequest&) {
      return std::pair(200, R"({"access_token":"access","token_type":"Bearer","id_token":")" + token_ + "\"}");
    };
    web_.put(kIssuer + "/me", 200, R"({"sub":"ada","email":"ada@example.com","email_verified":true,"name":"Ada"})");
  }
  void publish(const std::string& more, const std::string& issuer = kIssuer) {
    web_.put(kIssuer + "/.well-known/openid-configuration", 200,
             R"({"issuer":")" + issuer +
                 R"(","authorization_endpoint":"https://issuer.example/auth","token_endpoint":")" + kIssuer +
                 R"(/token","userinfo_endpoint":"https://issuer.example/me","jwks_uri":"https://issuer.example/keys")" +
                 more + "}");
  }
  void publish_keys(const SigningKey& key) { web_.put(kIssuer + "/keys", 200, R"({"keys":[)" + key.jwk() + "]}"); }

  static SignInProvider provider(std::string name = "oidc") {
    SignInProvider out;
    out.name = std::move(name);
    out.title = "Test";
    out.client_id = "client";
    out.client_secret = "s p:c";
    out.issuer = kIssuer;
    return out;
  }
  [[nodiscard]] std::string claims(const std::string& nonce, const std::string& more = "") const {
    const std::int64_t now = clock_.unix_now() / 1000;
    return R"({"iss":"https://issuer.example","sub":"ada","aud":"client","nonce":")" + nonce + R"(","iat":)" +
           std::to_string(now) + R"(,"exp":)" + std::to_string(now + 300) + more + "}";
  }
  Result<Started> start(const std::string& return_to = "/c/1", const std::string& user = "") {
    std::optional<Result<Started>> out;
    run(loop_, started(external_, {"oidc", return_to, kRedirect, user}, out));
    return *out;
  }
  Result<Finished> finish(const Started& begun, Answer answer, const std::string& name = "oidc") {
    std::optional<Result<Finished>> out;
    run(loop_, finished(external_, name, std::move(answer), begun.cookie, out));
    return *out;
  }
  // As a well-behaved provider and browser do it.
  Result<Finished> sign_in(const std::string& more = "") {
    auto begun = start();
    if (!begun) return begun.error();
    token_ = key_.sign(claims(parameter(begun->location, "nonce"), more));
    return finish(*begun, {"code", parameter(begun->location, "state"), "", ""});
  }

  Loop loop_;
  ManualClock clock_;
  SystemRandom random_;
  FakeWeb web_;
  SigningKey key_{"ES256", "k"};
  std::string token_;
  ExternalSignIn external_{loop_, web_, clock_, random_, {provider(), provider("other")}, kKey};
};

TEST_F(SignIn, AsksWithPkceStateAndNonce) {
  const auto begun = start();
  ASSERT_TRUE(begun) << begun.error().message;
  EXPECT_TRUE(begun->location.starts_with("https://issuer.example/auth?response_type=code&client_id=client&"));
  EXPECT_EQ(parameter(begun->location, "code_challenge_method"), "S256");
  EXPECT_EQ(parameter(begun->location, "redirect_uri"),
            "https%3A%2F%2Fbird.example%2Fapi%2Fv1%2Fauth%2Foidc%2Foidc%2Fcallback");
  EXPECT_EQ(parameter(begun->location, "code_challenge").size(), 43U);
  EXPECT_NE(parameter(begun->location, "state"), parameter(begun->location, "nonce"));
  EXPECT_THAT(begun->location, Not(HasSubstr("verifier=")));
  const auto again = start();
  EXPECT_NE(parameter(begun->location, "state"), parameter(again->location, "state"));
}

TEST_F(SignIn, SaysWhoSomebodyIs) {
  const auto done = sign_in(R"(,"email":"ada@example.com","email_verified":true,"name":"Ada")");
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->identity.issuer, kIssuer);
  EXPECT_EQ(done->identity.subject, "ada");
  EXPECT_EQ(done->identity.email, "ada@example.com");
  EXPECT_TRUE(done->identity.email_verified);
  EXPECT_EQ(done->return_to, "/c/1");
  EXPECT_EQ(web_.asked(kIssuer + "/me"), 0);
  const HttpRequest& exchange = web_.requests[1];
  EXPECT_EQ(exchange.url, kIssuer + "/token");
  EXPECT_EQ(find_header(exchange.headers, "Authorization"), "Basic Y2xpZW50OnMlMjBwJTNBYw==");
  EXPECT_THAT(exchange.body, HasSubstr("grant_type=authorization_code&code=code&redirect_uri=https%3A%2F%2Fbird"));
  EXPECT_THAT(exchange.body, Not(HasSubstr("client_secret")));
}

TEST_F(SignIn, ProvesThatItBeganIt) {
  const auto begun = start();
  token_ = key_.sign(claims(parameter(begun->location, "nonce")));
  ASSERT_TRUE(finish(*begun, {"code", parameter(begun->location, "state"), "", ""}));
  const std::string verifier = parameter(web_.requests[1].body, "code_verifier");
  EXPECT_EQ(pkce_challenge(verifier), parameter(begun->location, "code_challenge"));
  // RFC 7636, appendix B.
  EXPECT_EQ(pkce_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

TEST_F(SignIn, AsksForWhatTheTokenLeavesOut) {
  const auto done = sign_in();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->identity.email, "ada@example.com");
  EXPECT_TRUE(done->identity.email_verified);
  EXPECT_EQ(done->identity.display_name, "Ada");
  // Somebody else's particulars are refused, and none are no reason to turn somebody away.
  web_.put(kIssuer + "/me", 200, R"({"sub":"eve","email":"root@example.com","email_verified":true})");
  EXPECT_FALSE(sign_in());
  web_.put(kIssuer + "/me", 500, "");
  const auto bare = sign_in();
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->identity.email, std::nullopt);
  EXPECT_FALSE(bare->identity.email_verified);
}

TEST_F(SignIn, BelievesAnAddressOnlyIfItIsVerified) {
  for (const char* claim :
       {R"(,"email":"ada@example.com","name":"A")", R"(,"email":"ada@example.com","name":"A","email_verified":false)",
        R"(,"email":"ada@example.com","name":"A","email_verified":1)",
        R"(,"email":"ada@example.com","name":"A","email_verified":"yes")"}) {
    const auto done = sign_in(claim);
    ASSERT_TRUE(done);
    EXPECT_FALSE(done->identity.email_verified) << claim;
  }
}

TEST_F(SignIn, IsFinishedOnceAndByTheSameBrowser) {
  const auto begun = start();
  const auto other = start();
  const std::string state = parameter(begun->location, "state");
  token_ = key_.sign(claims(parameter(begun->location, "nonce")));
  // The attacker's code and state in somebody else's browser, without a cookie, with a bent one, at another provider.
  EXPECT_FALSE(finish(*other, {"code", state, "", ""}));
  EXPECT_FALSE(finish({"", ""}, {"code", state, "", ""}));
  EXPECT_FALSE(finish({"", begun->cookie + "x"}, {"code", state, "", ""}));
  EXPECT_FALSE(finish({"", "x" + begun->cookie}, {"code", state, "", ""}));
  EXPECT_FALSE(finish(*begun, {"code", "", "", ""}));
  EXPECT_FALSE(finish(*begun, {"code", state, "", ""}, "other"));
  EXPECT_FALSE(finish(*begun, {"code", state, "", ""}, "unknown"));
  EXPECT_EQ(web_.asked(kIssuer + "/token"), 0);
  EXPECT_TRUE(finish(*begun, {"code", state, "", ""}));
  const auto replayed = finish(*begun, {"code", state, "", ""});
  ASSERT_FALSE(replayed);
  EXPECT_EQ(replayed.error().code, Code::unauthenticated);
  EXPECT_EQ(web_.asked(kIssuer + "/token"), 1);
}

TEST_F(SignIn, IsOverAfterTenMinutes) {
  const auto begun = start();
  clock_.advance(kPendingLifetime);
  const auto late = finish(*begun, {"code", parameter(begun->location, "state"), "", ""});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::unauthenticated);
}

TEST_F(SignIn, CanBeFinishedByAnotherGatewayWithTheSameKey) {
  const auto begun = start();
  token_ = key_.sign(claims(parameter(begun->location, "nonce")));
  const Answer answer{"code", parameter(begun->location, "state"), "", ""};
  std::optional<Result<Finished>> out;
  ExternalSignIn stranger(loop_, web_, clock_, random_, {provider()}, std::string(32, 'x'));
  run(loop_, finished(stranger, "oidc", answer, begun->cookie, out));
  EXPECT_FALSE(*out);
  ExternalSignIn second(loop_, web_, clock_, random_, {provider()}, kKey);
  run(loop_, finished(second, "oidc", answer, begun->cookie, out));
  EXPECT_TRUE(*out);
}

TEST_F(SignIn, TakesNoAnswerOfAnotherIssuer) {
  const auto begun = start();
  token_ = key_.sign(claims(parameter(begun->location, "nonce")));
  EXPECT_FALSE(finish(*begun, {"code", parameter(begun->location, "state"), "", "https://evil.example"}));
  EXPECT_EQ(web_.asked(kIssuer + "/token"), 0);
  // One that promises to name itself must do so.
  clock_.advance(Millis(2 * 3'600'000));
  publish(R"(,"authorization_response_iss_parameter_supported":true)");
  const auto named = start();
  EXPECT_FALSE(finish(*named, {"code", parameter(named->location, "state"), "", ""}));
}

TEST_F(SignIn, TakesNoTokenOfAnotherSignIn) {
  const auto begun = start();
  const auto other = start();
  token_ = key_.sign(claims(parameter(other->location, "nonce")));
  const auto swapped = finish(*begun, {"code", parameter(begun->location, "state"), "", ""});
  ASSERT_FALSE(swapped);
  EXPECT_THAT(swapped.error().message, HasSubstr("(nonce)"));
}

TEST_F(SignIn, TakesNoTokenOfAForeignKey) {
  const SigningKey foreign("ES256", "k");
  const auto begun = start();
  token_ = foreign.sign(claims(parameter(begun->location, "nonce")));
  const auto forged = finish(*begun, {"code", parameter(begun->location, "state"), "", ""});
  ASSERT_FALSE(forged);
  EXPECT_THAT(forged.error().message, HasSubstr("signature"));
}

TEST_F(SignIn, FollowsKeysThatRotateAndIsNotMadeToAskByStrangers) {
  ASSERT_TRUE(sign_in());
  EXPECT_EQ(web_.asked(kIssuer + "/keys"), 1);
  const SigningKey next("ES256", "next");
  publish_keys(next);
  const auto with_next = [&] {
    const auto begun = start();
    token_ = next.sign(claims(parameter(begun->location, "nonce")));
    return finish(*begun, {"code", parameter(begun->location, "state"), "", ""});
  };
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(with_next());
  EXPECT_EQ(web_.asked(kIssuer + "/keys"), 1);
  clock_.advance(Millis(60'000));
  EXPECT_TRUE(with_next());
  EXPECT_EQ(web_.asked(kIssuer + "/keys"), 2);
  // The old one is gone with the set it was in.
  EXPECT_FALSE(sign_in());
}

TEST_F(SignIn, SurvivesWhatProvidersSend) {
  const std::string document = kIssuer + "/.well-known/openid-configuration";
  const auto fails = [&](const char* words) {
    clock_.advance(Millis(2 * 3'600'000));
    ExternalSignIn fresh(loop_, web_, clock_, random_, {provider()}, kKey);
    std::optional<Result<Started>> out;
    run(loop_, started(fresh, {"oidc", "/", kRedirect, ""}, out));
    EXPECT_FALSE(*out) << words;
    if (!*out) EXPECT_THAT(out->error().message, HasSubstr(words));
  };
  publish("", "https://evil.example");
  fails("https://evil.example");
  web_.put(document, 404, "");
  fails("404");
  web_.put(document, 200, "<html>");
  fails("discovery document");
  web_.put(document, 200, std::string(300 * 1024, 'x'));
  fails("");
  web_.put(document, 200, R"({"issuer":"https://issuer.example","authorization_endpoint":"http://issuer.example/a",
           "token_endpoint":"https://issuer.example/t","jwks_uri":"https://issuer.example/k"})");
  fails("not https");
  web_.pages.clear();
  fails("nobody");
}

TEST_F(SignIn, ServesOnWhileTheIssuerIsAwayForAMoment) {
  ASSERT_TRUE(sign_in());
  web_.pages.erase(kIssuer + "/.well-known/openid-configuration");
  clock_.advance(Millis(2 * 3'600'000));
  const int before = web_.asked(kIssuer + "/.well-known/openid-configuration");
  EXPECT_TRUE(start());
  EXPECT_TRUE(start());
  EXPECT_EQ(web_.asked(kIssuer + "/.well-known/openid-configuration"), before + 1);
}

TEST_F(SignIn, TellsACancelFromAFailure) {
  const auto refused = [&](Answer answer) {
    const auto begun = start();
    answer.state = parameter(begun->location, "state");
    const auto done = finish(*begun, answer);
    EXPECT_FALSE(done);
    return done.error();
  };
  EXPECT_EQ(refused({"", "", "access_denied", ""}).code, Code::permission_denied);
  EXPECT_EQ(refused({"", "", "server_error", ""}).code, Code::unavailable);
  EXPECT_THAT(refused({"", "", "<script>alert(1)</script>", ""}).message, Not(HasSubstr("script")));
  EXPECT_EQ(refused({"", "", "", ""}).code, Code::unauthenticated);
  web_.put(kIssuer + "/token", 400, R"({"error":"invalid_grant"})");
  EXPECT_EQ(refused({"stolen", "", "", ""}).code, Code::unauthenticated);
  web_.put(kIssuer + "/token", 200, R"({"access_token":"a"})");
  EXPECT_EQ(refused({"code", "", "", ""}).code, Code::unavailable);
  web_.put(kIssuer + "/token", 502, "bad gateway");
  EXPECT_EQ(refused({"code", "", "", ""}).code, Code::unavailable);
}

// Discovery as login.microsoftonline.com/common/v2.0 answers it, shortened, and a token in the documented shape of
// work accounts. The names are settings here: the plug-in's own are checked in Providers.
TEST_F(SignIn, KnowsIssuersOfManyTenants) {
  const std::string base = "https://login.example/";
  const std::string tenant = "9122040d-6c67-4c5b-b112-36a304b66dad";
  web_.put(base + "common/v2.0/.well-known/openid-configuration", 200,
           R"({"token_endpoint":"https://login.example/common/oauth2/v2.0/token",
               "token_endpoint_auth_methods_supported":["client_secret_post","private_key_jwt","client_secret_basic"],
               "jwks_uri":"https://login.example/common/discovery/v2.0/keys",
               "response_modes_supported":["query","fragment","form_post"],"subject_types_supported":["pairwise"],
               "id_token_signing_alg_values_supported":["RS256"],
               "issuer":"https://login.example/{tenantid}/v2.0","request_uri_parameter_supported":false,
               "userinfo_endpoint":"https://graph.example/oidc/userinfo",
               "authorization_endpoint":"https://login.example/common/oauth2/v2.0/authorize",
               "cloud_instance_name":"example"})");
  const SigningKey key("RS256", "nOo3ZDrODXEK1jKWhXslHR_KXEg");
  std::string jwk = key.jwk();
  jwk.insert(jwk.size() - 1, R"(,"x5t":"nOo3ZDrODXEK1jKWhXslHR_KXEg","cloud_instance_name":"example")");
  web_.put(base + "common/discovery/v2.0/keys", 200, R"({"keys":[)" + jwk + "]}");
  std::string nonce;
  std::string more;
  web_.pages[base + "common/oauth2/v2.0/token"] = [&](const HttpRequest&) {
    const std::int64_t now = clock_.unix_now() / 1000;
    const std::string body = R"({"ver":"2.0","iss":"https://login.example/)" + tenant +
                             R"(/v2.0","sub":"AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ","aud":"client","exp":)" +
                             std::to_string(now + 3600) + R"(,"iat":)" + std::to_string(now) + R"(,"nbf":)" +
                             std::to_string(now) +
                             R"(,"name":"Ada","preferred_username":"ada@contoso.example","oid":"x",
                             "email":"admin@bird.example","tid":")" +
                             tenant + R"(","nonce":")" + nonce + R"(","aio":"Df2U")" + more + "}";
    return std::pair(200,
                     R"({"token_type":"Bearer","scope":"openid","expires_in":3599,"access_token":"EwB","id_token":")" +
                         key.sign(body) + "\"}");
  };
  SignInProvider many = provider("many");
  many.issuer = base + "common/v2.0";
  many.issuer_template = base + "{tenantid}/v2.0";
  many.verified_claim = "xms_edov";
  ExternalSignIn external(loop_, web_, clock_, random_, {many}, kKey);
  const auto whole = [&] {
    std::optional<Result<Started>> begun;
    run(loop_, started(external, {"many", "/", kRedirect, ""}, begun));
    nonce = parameter((*begun)->location, "nonce");
    std::optional<Result<Finished>> done;
    run(loop_,
        finished(external, "many", {"code", parameter((*begun)->location, "state"), "", ""}, (*begun)->cookie, done));
    return *done;
  };
  // Whoever owns a tenant can write any address into it: it counts for nothing.
  more = R"(,"email_verified":true)";
  const auto claimed = whole();
  ASSERT_TRUE(claimed) << claimed.error().message;
  EXPECT_EQ(claimed->identity.issuer, base + tenant + "/v2.0");
  EXPECT_EQ(claimed->identity.email, "admin@bird.example");
  EXPECT_FALSE(claimed->identity.email_verified);
  more = R"(,"xms_edov":true)";
  EXPECT_TRUE(whole()->identity.email_verified);
}

TEST_F(SignIn, NeedsAKeyToOfferAnything) {
  EXPECT_EQ(external_.offers().size(), 2U);
  ExternalSignIn keyless(loop_, web_, clock_, random_, {provider()}, "");
  EXPECT_TRUE(keyless.offers().empty());
}

TEST(SafeReturn, LeadsNowhereElse) {
  for (const char* evil : {"https://evil.example", "//evil.example", "/\\evil.example", "\\/evil.example", "/a\tb",
                           "/a\r\nb", "javascript:alert(1)", "", "evil", " /x", "/\xC3\xA9"}) {
    EXPECT_EQ(safe_return(evil), "/") << evil;
  }
  EXPECT_EQ(safe_return(std::string(2000, '/')), "/");
  EXPECT_EQ(safe_return("/c/1?x=//evil.example#y"), "/c/1?x=//evil.example#y");
}

TEST(Providers, AreThoseThatAreConfigured) {
  const std::map<std::string, std::string, std::less<>> environment{{"GOOGLE_CLIENT_ID", "g"},
                                                                    {"GOOGLE_CLIENT_SECRET", "gs"},
                                                                    {"MICROSOFT_CLIENT_ID", "m"},
                                                                    {"MICROSOFT_TENANT", "organizations"},
                                                                    {"GITHUB_CLIENT_ID", "h"},
                                                                    {"OIDC_CLIENT_ID", "o"},
                                                                    {"OIDC_ISSUER", "https://id.example.org/realm"}};
  const auto load = [](const auto& values) {
    return Config::load(sign_in_config_keys(), "", [&values](std::string_view name) -> std::optional<std::string> {
      const auto at = values.find(name);
      return at == values.end() ? std::nullopt : std::optional(at->second);
    });
  };
  const auto config = load(environment);
  ASSERT_TRUE(config) << config.error().message;
  const auto providers = configured_providers(*config);
  ASSERT_TRUE(providers) << providers.error().message;
  std::vector<std::string> names;
  for (const SignInProvider& one : *providers) names.push_back(one.name + " " + one.issuer);
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("google https://accounts.google.com", "github ",
                                                     "microsoft https://login.microsoftonline.com/organizations/v2.0",
                                                     "oidc https://id.example.org/realm"));
  const std::map<std::string, std::string, std::less<>> none;
  EXPECT_TRUE(configured_providers(*load(none))->empty());
  using Values = std::map<std::string, std::string, std::less<>>;
  for (const Values& bad : {Values{{"OIDC_CLIENT_ID", "o"}}, Values{{"OIDC_ISSUER", "https://id.example"}},
                            Values{{"OIDC_ISSUER", "http://id.example"}, {"OIDC_CLIENT_ID", "o"}},
                            Values{{"MICROSOFT_CLIENT_ID", "m"}, {"MICROSOFT_TENANT", "../evil"}},
                            Values{{"GITHUB_CLIENT_ID", "h"}, {"GITHUB_URL", "http://github.example"}}}) {
    const auto wrong = configured_providers(*load(bad));
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, Code::invalid_argument);
  }
}

TEST(Providers, AreReachedSafely) {
  for (const char* good : {"https://a.example", "http://localhost:4000/x", "http://127.0.0.1", "http://[::1]:1/"}) {
    EXPECT_TRUE(is_trusted_origin(good)) << good;
  }
  for (const char* bad : {"http://a.example", "http://localhost.evil.example", "http://localhost:1@evil.example/",
                          "http://127.0.0.1.evil.example", "ftp://a", "https:///x", "", "http://localhost:"}) {
    EXPECT_FALSE(is_trusted_origin(bad)) << bad;
  }
}

}  // namespace
}  // namespace librebird::gateway::oidc
