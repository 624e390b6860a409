// Who somebody is, from GitHub's answers as its documentation and api.github.com show them.
#include <librebird/base/async/scope.hpp>
#include <librebird/core/ports/sign_in_provider.hpp>

#include <gtest/gtest.h>

#include <map>

namespace librebird::plugins {

SignInProviderPlugin sign_in_github();

namespace {

// GET /user, shortened to what is read and what might be mistaken for it.
constexpr const char* kUser = R"({"login":"octocat","id":583231,"node_id":"MDQ6VXNlcjU4MzIzMQ==","type":"User",
  "name":"The Octocat","company":"@github","email":"octocat@public.example","two_factor_authentication":true})";
constexpr const char* kEmails = R"([
  {"email":"1234+octocat@users.noreply.github.com","verified":true,"primary":false,"visibility":null},
  {"email":"octocat@example.com","verified":true,"primary":true,"visibility":"private"}])";

class Page final : public HttpResponse {
 public:
  Page(int status, std::string body) : status_(status), body_(std::move(body)) {}
  [[nodiscard]] int status() const override { return status_; }
  [[nodiscard]] const HttpHeaders& headers() const override { return headers_; }
  Task<Result<std::optional<std::string>>> read(std::stop_token) override {
    if (body_.empty()) co_return std::optional<std::string>();
    co_return std::optional<std::string>(std::exchange(body_, {}));
  }

 private:
  int status_;
  std::string body_;
  HttpHeaders headers_;
};

class Api final : public HttpClient {
 public:
  Task<Result<std::unique_ptr<HttpResponse>>> send(HttpRequest request, std::stop_token) override {
    EXPECT_EQ(find_header(request.headers, "Authorization"), "Bearer token");
    const auto page = pages.find(request.url);
    if (page == pages.end()) co_return make_error(Code::unavailable, "away: " + request.url);
    co_return std::make_unique<Page>(page->second.first, page->second.second);
  }
  std::map<std::string, std::pair<int, std::string>> pages;
};

Task<void> ask(const SignInProvider& provider, HttpClient& http, Result<ExternalIdentity>& out, Loop& loop) {
  out = co_await provider.fetch_identity(http, "token", {});
  loop.stop();
}

class GitHub : public ::testing::Test {
 protected:
  static SignInProvider provider(const std::string& url = "https://github.com") {
    const auto config =
        Config::load(sign_in_github().manifest.config, "", [&](std::string_view name) -> std::optional<std::string> {
          if (name == "GITHUB_CLIENT_ID") return "id";
          if (name == "GITHUB_CLIENT_SECRET") return "secret";
          if (name == "GITHUB_URL") return url;
          return std::nullopt;
        });
    return **sign_in_github().make(*config);
  }
  Result<ExternalIdentity> identity(const SignInProvider& from) {
    Result<ExternalIdentity> out = make_error(Code::internal, "not run");
    Scope scope(loop_.executor());
    scope.spawn(ask(from, api_, out, loop_), "ask");
    loop_.run();
    loop_.context().restart();
    loop_.poll();
    return out;
  }
  Result<ExternalIdentity> answers(int status, const std::string& user, const std::string& emails) {
    api_.pages["https://api.github.com/user"] = {status, user};
    api_.pages["https://api.github.com/user/emails"] = {200, emails};
    return identity(provider());
  }

  Loop loop_;
  Api api_;
};

TEST_F(GitHub, IsKnownByNumberAndPrimaryAddress) {
  const auto who = answers(200, kUser, kEmails);
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->issuer, "https://github.com");
  EXPECT_EQ(who->subject, "583231");
  EXPECT_EQ(who->display_name, "The Octocat");
  EXPECT_EQ(who->email, "octocat@example.com");
  EXPECT_TRUE(who->email_verified);
}

TEST_F(GitHub, ListsNoAddressThatIsNotPrimaryAndVerified) {
  for (const char* emails :
       {"[]", "{}", R"([{"email":"a@b.c","verified":false,"primary":true}])",
        R"([{"email":"a@b.c","verified":true,"primary":false}])",
        R"([{"email":"a@b.c","verified":"true","primary":true}])", R"([{"verified":true,"primary":true}, 7, null])"}) {
    const auto who = answers(200, R"({"id":1,"login":"a","name":null,"email":"public@example.com"})", emails);
    ASSERT_TRUE(who) << emails;
    EXPECT_EQ(who->email, std::nullopt) << emails;
    EXPECT_FALSE(who->email_verified);
    EXPECT_EQ(who->display_name, "a");
  }
}

TEST_F(GitHub, IsNobodyWithoutANumber) {
  for (const char* user : {"{}", "[]", "", R"({"id":"583231"})", R"({"id":0})", R"({"id":-1})", R"({"id":1.5})"}) {
    EXPECT_FALSE(answers(200, user, kEmails)) << user;
  }
  EXPECT_FALSE(answers(401, R"({"message":"Bad credentials"})", kEmails));
  api_.pages.clear();
  EXPECT_FALSE(identity(provider()));
}

TEST_F(GitHub, HasItsApiElsewhereOnAServerOfOnesOwn) {
  api_.pages["https://git.example.org/api/v3/user"] = {200, kUser};
  api_.pages["https://git.example.org/api/v3/user/emails"] = {200, kEmails};
  const SignInProvider own = provider("https://git.example.org/");
  EXPECT_EQ(own.authorization_endpoint, "https://git.example.org/login/oauth/authorize");
  const auto who = identity(own);
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->issuer, "https://git.example.org");
}

}  // namespace
}  // namespace librebird::plugins
