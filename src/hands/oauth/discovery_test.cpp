#include "client.hpp"
#include "fetch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace librebird::hands::oauth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Addresses, OfMetadataStandBeforeThePath) {
  EXPECT_THAT(resource_metadata_urls("https://a.example:8443/v1/mcp?x=1"),
              ElementsAre("https://a.example:8443/.well-known/oauth-protected-resource/v1/mcp",
                          "https://a.example:8443/.well-known/oauth-protected-resource"));
  EXPECT_THAT(resource_metadata_urls("https://a.example/"),
              ElementsAre("https://a.example/.well-known/oauth-protected-resource"));
  EXPECT_THAT(server_metadata_urls("https://as.example/"),
              ElementsAre("https://as.example/.well-known/oauth-authorization-server",
                          "https://as.example/.well-known/openid-configuration"));
  EXPECT_THAT(server_metadata_urls("https://as.example/tenant"),
              ElementsAre("https://as.example/.well-known/oauth-authorization-server/tenant",
                          "https://as.example/.well-known/openid-configuration/tenant",
                          "https://as.example/tenant/.well-known/openid-configuration"));
}

TEST(Addresses, AreAskedOnlyIfTheyAreBeyondDoubt) {
  for (const char* good : {"https://a.example", "https://a.example:8443/x?y=z", "https://1.2.3.4/"}) {
    EXPECT_TRUE(is_askable(good)) << good;
  }
  for (const char* bad :
       {"http://a.example", "https://a.example/#x", "https://u@a.example/", "https://", "file:///etc",
        "https://a.example/\n", "https://a.example\\@b.example/", "https://a.ex%61mple/", "//a", ""}) {
    EXPECT_FALSE(is_askable(bad)) << bad;
  }
  EXPECT_FALSE(is_askable("https://a.example/" + std::string(3000, 'x')));
}

TEST(ResourceMetadata, IsAboutTheServerThatWasAsked) {
  const std::string url = "https://a.example/v1/mcp";
  const auto about = [&](const std::string& resource) {
    return parse_resource_metadata(R"({"resource":")" + resource +
                                       R"(","authorization_servers":["http://no.example","https://as.example"],)"
                                       R"("scopes_supported":["a","b"]})",
                                   url);
  };
  for (const char* good :
       {"https://a.example/v1/mcp", "https://a.example/v1/mcp/", "https://a.example/v1", "https://a.example"}) {
    const auto read = about(good);
    ASSERT_TRUE(read) << good;
    EXPECT_EQ(read->authorization_server, "https://as.example");
    EXPECT_EQ(read->scope, "a b");
  }
  for (const char* bad : {"https://b.example/v1/mcp", "https://a.example/v1/mc", "https://a.example/v1/mcp/more",
                          "https://a.example:444/v1/mcp", "http://a.example/v1/mcp", ""}) {
    EXPECT_FALSE(about(bad)) << bad;
  }
  EXPECT_FALSE(parse_resource_metadata(R"({"resource":"https://a.example"})", url));
  EXPECT_FALSE(
      parse_resource_metadata(R"({"resource":"https://a.example","authorization_servers":["http://x"]})", url));
  EXPECT_FALSE(parse_resource_metadata("[]", url));
  EXPECT_FALSE(parse_resource_metadata("", url));
}

std::string server(const std::string& issuer, const std::string& more) {
  return R"({"issuer":")" + issuer +
         R"(","authorization_endpoint":"https://as.example/a","token_endpoint":)"
         R"("https://as.example/t")" +
         more + "}";
}
constexpr const char* kProof = R"(,"code_challenge_methods_supported":["plain","S256"])";

TEST(ServerMetadata, IsOfTheIssuerThatWasAsked) {
  EXPECT_TRUE(parse_server_metadata(server("https://as.example", kProof), "https://as.example"));
  EXPECT_TRUE(parse_server_metadata(server("https://as.example/", kProof), "https://as.example"));
  EXPECT_FALSE(parse_server_metadata(server("https://evil.example", kProof), "https://as.example"));
  EXPECT_FALSE(parse_server_metadata(server("https://as.example/t", kProof), "https://as.example"));
  EXPECT_FALSE(parse_server_metadata("{}", "https://as.example"));
}

TEST(ServerMetadata, MustKnowTheProofAndKeepToHttps) {
  const std::string issuer = "https://as.example";
  EXPECT_FALSE(parse_server_metadata(server(issuer, ""), issuer));
  EXPECT_FALSE(parse_server_metadata(server(issuer, R"(,"code_challenge_methods_supported":["plain"])"), issuer));
  EXPECT_FALSE(parse_server_metadata(
      server(issuer, std::string(kProof) + R"(,"registration_endpoint":"http://as.example/r")"), issuer));
  EXPECT_FALSE(parse_server_metadata(
      server(issuer, std::string(kProof) + R"(,"token_endpoint_auth_methods_supported":["private_key_jwt"])"), issuer));
  EXPECT_FALSE(parse_server_metadata(R"({"issuer":"https://as.example","authorization_endpoint":"http://x/a",)"
                                     R"("token_endpoint":"https://as.example/t"})",
                                     issuer));
}

TEST(ServerMetadata, SaysHowAClientProvesItself) {
  const std::string issuer = "https://as.example";
  const auto method = [&](const std::string& list) {
    return parse_server_metadata(server(issuer, std::string(kProof) + list), issuer).value().auth_method;
  };
  EXPECT_EQ(method(""), "client_secret_basic");  // RFC 8414's default
  EXPECT_EQ(method(R"(,"token_endpoint_auth_methods_supported":["client_secret_post","none"])"), "none");
  EXPECT_EQ(method(R"(,"token_endpoint_auth_methods_supported":["client_secret_post"])"), "client_secret_post");
}

TEST(TokenAnswer, IsABearerTokenOrNothing) {
  const auto good = parse_tokens(
      200, R"({"access_token":"abcd","token_type":"bearer","expires_in":60,"refresh_token":"r","scope":"a"})");
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->lifetime_seconds, 60);
  EXPECT_EQ(good->refresh_token, "r");
  for (const char* bad : {R"({"access_token":"abcd"})", R"({"access_token":"abcd","token_type":"mac"})",
                          R"({"token_type":"Bearer"})", R"({"access_token":"ab\ncd","token_type":"Bearer"})",
                          R"({"access_token":"abcd","token_type":"Bearer","refresh_token":"\u0000"})",
                          R"({"access_token":"a","token_type":"Bearer"})", "", "[]"}) {
    EXPECT_FALSE(parse_tokens(200, bad)) << bad;
  }
  EXPECT_FALSE(parse_tokens(200, R"({"token_type":"Bearer","access_token":")" + std::string(9000, 'x') + "\"}"));
  EXPECT_EQ(parse_tokens(400, R"({"error":"invalid_grant"})").error().code, Code::unauthenticated);
  const Error said = parse_tokens(400, R"({"error":"<script>","error_description":"secret"})").error();
  EXPECT_THAT(said.message, Not(HasSubstr("script")));
  EXPECT_THAT(said.message, Not(HasSubstr("secret")));
  EXPECT_THAT(parse_tokens(400, R"({"error":"invalid_scope"})").error().message, HasSubstr("invalid_scope"));
}

TEST(Registration, GivesAnIdAndPerhapsASecret) {
  const auto open = parse_client(201, R"({"client_id":"c"})", "none");
  ASSERT_TRUE(open);
  EXPECT_EQ(open->auth_method, "none");
  const auto closed =
      parse_client(201, R"({"client_id":"c","client_secret":"s","client_secret_expires_at":7})", "none");
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->auth_method, "client_secret_basic");
  EXPECT_EQ(closed->expires_at, 7000);
  EXPECT_FALSE(
      parse_client(201, R"({"client_id":"c","client_secret":"s","token_endpoint_auth_method":"magic"})", "none"));
  EXPECT_FALSE(parse_client(201, "{}", "none"));
  EXPECT_FALSE(parse_client(201, R"({"client_id":"a b"})", "none"));
  EXPECT_THAT(parse_client(400, R"({"error":"invalid_redirect_uri"})", "none").error().message,
              HasSubstr("invalid_redirect_uri"));
}

}  // namespace
}  // namespace librebird::hands::oauth
