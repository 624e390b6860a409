// A whole connection against servers made here, and those who would bend it.
#include <librebird/hands/oauth/connections.hpp>

#include <librebird/base/async/scope.hpp>
#include <librebird/hands/testkit/run_on.hpp>
#include <librebird/net/oauth.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

namespace librebird::hands::oauth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// By user and workspace, as the real one keeps them.
class OwnSecrets final : public SecretStore {
 public:
  Task<Status> put(Principal who, std::string scope, std::string name, std::string value) override {
    if (value.size() < kMinSecretBytes || value.size() > kMaxSecretBytes) {
      co_return make_error(Code::invalid_argument, "size");
    }
    values[key(who, scope, name)] = std::move(value);
    co_return Ok{};
  }
  Task<Result<std::string>> get(Principal who, std::string scope, std::string name) override {
    const auto found = values.find(key(who, scope, name));
    if (found == values.end()) co_return make_error(Code::not_found, "none");
    co_return found->second;
  }
  Task<Result<std::vector<SecretInfo>>> list(Principal) override { co_return std::vector<SecretInfo>(); }
  Task<Status> remove(Principal who, std::string scope, std::string name) override {
    if (values.erase(key(who, scope, name)) == 0) co_return make_error(Code::not_found, "none");
    co_return Ok{};
  }
  Task<Result<bool>> replace(Principal who, std::string scope, std::string name, std::string expected,
                             std::optional<std::string> value) override {
    const auto found = values.find(key(who, scope, name));
    if (found == values.end() || found->second != expected) co_return false;
    if (value) found->second = *std::move(value);
    if (!value) values.erase(found);
    co_return true;
  }
  Task<Status> forget(Principal, std::string) override { co_return make_error(Code::internal, "Nobody asks for it."); }
  Task<Result<std::int64_t>> revision(Principal) override { co_return 0; }
  Task<Result<std::shared_ptr<const SecretSet>>> reveal(Principal) override {
    co_return make_error(Code::internal, "Nobody asks for them here.");
  }
  static std::string key(const Principal& who, const std::string& scope, const std::string& name) {
    return who.workspace_id + "|" + (scope.starts_with("user/") ? who.user_id : "") + "|" + scope + "|" + name;
  }

  std::map<std::string, std::string> values;
};

struct Page {
  int status = 200;
  std::string body;
  HttpHeaders headers;
};

// Answers by address; everything else is not there.
class Web final : public HttpClient {
 public:
  Task<Result<std::unique_ptr<HttpResponse>>> send(HttpRequest request, std::stop_token) override {
    requests.push_back(request);
    co_await sleep_for(std::chrono::nanoseconds(0));  // as any network does, it lets others go on meanwhile
    const auto page = pages.find(request.url);
    std::unique_ptr<HttpResponse> answer =
        std::make_unique<Response>(page == pages.end() ? Page{404, "", {}} : page->second(request));
    co_return std::move(answer);
  }
  void put(const std::string& url, Page page) {
    pages[url] = [page](const HttpRequest&) { return page; };
  }
  [[nodiscard]] int asked(const std::string& url) const {
    return static_cast<int>(std::ranges::count(requests, url, &HttpRequest::url));
  }
  [[nodiscard]] const HttpRequest& last(const std::string& url) const {
    return *std::ranges::find(requests.rbegin(), requests.rend(), url, &HttpRequest::url);
  }

  std::map<std::string, std::function<Page(const HttpRequest&)>> pages;
  std::vector<HttpRequest> requests;

 private:
  class Response final : public HttpResponse {
   public:
    explicit Response(Page page) : page_(std::move(page)) {}
    [[nodiscard]] int status() const override { return page_.status; }
    [[nodiscard]] const HttpHeaders& headers() const override { return page_.headers; }
    Task<Result<std::optional<std::string>>> read(std::stop_token) override {
      if (page_.body.empty()) co_return std::optional<std::string>();
      co_return std::optional<std::string>(std::exchange(page_.body, {}));
    }

   private:
    Page page_;
  };
};

std::string parameter(const std::string& url, const std::string& name) {
  const std::size_t at = ("&" + url.substr(url.find('?') + 1)).find("&" + name + "=");
  if (at == std::string::npos) return {};
  const std::string rest = url.substr(url.find('?') + 1 + at + name.size() + 1);
  return rest.substr(0, rest.find('&'));
}

const std::string kUrl = "https://mcp.example/v1";
const std::string kBack = "https://bird.example/connect";
const std::string kToken = "https://as.example/token";
const std::string kRegister = "https://as.example/register";
const std::string kAbout = "https://as.example/.well-known/oauth-authorization-server";

class Connecting : public ::testing::Test {
 protected:
  Connecting() {
    web_.put(
        kUrl,
        {401, "", {{"WWW-Authenticate", R"(Bearer resource_metadata="https://mcp.example/about", scope="notes")"}}});
    web_.put("https://mcp.example/about",
             {200,
              R"({"resource":"https://mcp.example/v1","authorization_servers":["https://as.example"],)"
              R"("scopes_supported":["all"]})",
              {}});
    publish("");
    web_.put(kRegister, {201, R"({"client_id":"bird"})", {}});
    give("access-1", "refresh-1");
  }
  void publish(const std::string& more, const std::string& issuer = "https://as.example") {
    web_.put(kAbout, {200,
                      R"({"issuer":")" + issuer +
                          R"(","authorization_endpoint":"https://as.example/authorize",)"
                          R"("token_endpoint":"https://as.example/token","code_challenge_methods_supported":["S256"],)"
                          R"("token_endpoint_auth_methods_supported":["none","client_secret_post"],)"
                          R"("registration_endpoint":"https://as.example/register")" +
                          more + "}",
                      {}});
  }
  void give(const std::string& access, const std::string& refresh, int seconds = 3600) {
    web_.put(kToken,
             {200,
              R"({"access_token":")" + access + R"(","token_type":"Bearer","expires_in":)" + std::to_string(seconds) +
                  (refresh.empty() ? "" : R"(,"refresh_token":")" + refresh + "\"") + "}",
              {}});
  }
  Result<std::string> begin(const Principal& who) {
    return testkit::run_on(loop_, connections_.begin(who, server_, kBack, {}));
  }
  Status finish(const Principal& who, ConnectionAnswer answer) {
    return testkit::run_on(loop_, connections_.finish(who, std::move(answer), {}));
  }
  Status connect(const Principal& who) {
    auto url = begin(who);
    if (!url) return url.error();
    return finish(who, {parameter(*url, "state"), "code", ""});
  }
  Status freshen(const Principal& who) { return testkit::run_on(loop_, connections_.freshen(who, server_, {})); }
  Task<int> freshened_at_once(int calls) {
    Scope scope(loop_.executor());
    int count = 0;
    for (int i = 0; i < calls; ++i) scope.spawn(count_freshened_by(connections_, count));
    co_await scope.join();
    co_return count;
  }
  void set_by_hand(const std::string& scope, const std::string& name, const std::string& value) {
    ASSERT_TRUE(testkit::run_on(loop_, secrets_.put(ada_, scope, name, value)));
  }
  Task<void> count_freshened_by(Connections& whose, int& count) {
    if (co_await whose.freshen(ada_, server_, {})) ++count;
  }
  Task<int> freshened_by_both(Connections& other) {
    Scope scope(loop_.executor());
    int count = 0;
    for (int i = 0; i < 4; ++i) {
      scope.spawn(count_freshened_by(connections_, count));
      scope.spawn(count_freshened_by(other, count));
    }
    co_await scope.join();
    co_return count;
  }
  [[nodiscard]] std::string token(const Principal& who) const {
    const auto found = secrets_.values.find(OwnSecrets::key(who, "user/skill/tracker", "access_token"));
    return found == secrets_.values.end() ? "" : found->second;
  }
  SkillConnection status(const Principal& who) {
    return testkit::run_on(loop_, connections_.status(who, server_)).value();
  }

  Loop loop_;
  ManualClock clock_;
  SystemRandom random_;
  Web web_;
  OwnSecrets secrets_;
  Connections connections_{loop_.executor(), web_, clock_, random_, secrets_};
  McpServer server_{"tracker", kUrl, ""};
  const Principal ada_{"ada", "w", Role::member, "", ScopeSet::all()};
  const Principal kim_{"kim", "w", Role::member, "", ScopeSet::all()};
};

TEST_F(Connecting, SendsThePersonWithProofStateAndResource) {
  const auto url = begin(ada_);
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_TRUE(url->starts_with("https://as.example/authorize?response_type=code&client_id=bird&"));
  EXPECT_EQ(parameter(*url, "code_challenge_method"), "S256");
  EXPECT_EQ(parameter(*url, "code_challenge").size(), 43U);
  EXPECT_EQ(parameter(*url, "resource"), "https%3A%2F%2Fmcp.example%2Fv1");
  EXPECT_EQ(parameter(*url, "scope"), "notes");  // the challenge's goes before all there are
  EXPECT_EQ(parameter(*url, "redirect_uri"), "https%3A%2F%2Fbird.example%2Fconnect");
  EXPECT_EQ(Connections::skill_of(parameter(*url, "state")).value(), "tracker");
  EXPECT_NE(parameter(*url, "state"), parameter(*begin(ada_), "state"));
  for (const HttpRequest& request : web_.requests) EXPECT_EQ(request.reach, Reach::public_only) << request.url;
}

TEST_F(Connecting, BringsATokenForThisPersonAndResource) {
  const auto url = begin(ada_);
  ASSERT_TRUE(finish(ada_, {parameter(*url, "state"), "the code", "https://as.example"}));
  const std::string& asked = web_.last(kToken).body;
  EXPECT_THAT(asked, AllOf(HasSubstr("grant_type=authorization_code&code=the%20code&"), HasSubstr("client_id=bird"),
                           HasSubstr("resource=https%3A%2F%2Fmcp.example%2Fv1")));
  EXPECT_EQ(net::pkce_challenge(parameter("?" + asked, "code_verifier")), parameter(*url, "code_challenge"));
  EXPECT_EQ(token(ada_), "access-1");
  EXPECT_EQ(token(kim_), "");
  EXPECT_TRUE(status(ada_).connected);
  EXPECT_EQ(status(ada_).issuer, "https://as.example");
  EXPECT_FALSE(status(kim_).connected);
}

TEST_F(Connecting, TakesAWayBackOnceFromWhoBeganItAndInTime) {
  const auto url = begin(ada_);
  const std::string state = parameter(*url, "state");
  EXPECT_EQ(finish(kim_, {state, "code", ""}).error().code, Code::unauthenticated);
  EXPECT_EQ(finish({"ada", "other", Role::member, "", ScopeSet::all()}, {state, "code", ""}).error().code,
            Code::unauthenticated);
  EXPECT_FALSE(finish(ada_, {state + "x", "code", ""}));
  EXPECT_FALSE(finish(ada_, {"tracker.", "code", ""}));
  for (const char* bent : {"", "tracker", ".x", "../x.y", "other.y"}) EXPECT_FALSE(finish(ada_, {bent, "code", ""}));
  EXPECT_EQ(web_.asked(kToken), 0);
  EXPECT_TRUE(finish(ada_, {state, "code", ""}));
  EXPECT_EQ(finish(ada_, {state, "code", ""}).error().code, Code::unauthenticated);
  EXPECT_EQ(web_.asked(kToken), 1);

  const auto late = begin(ada_);
  clock_.advance(Millis(10 * 60 * 1000));
  EXPECT_FALSE(finish(ada_, {parameter(*late, "state"), "code", ""}));
  EXPECT_EQ(web_.asked(kToken), 1);
  // A second beginning ends the first.
  const auto first = begin(ada_);
  const auto second = begin(ada_);
  EXPECT_FALSE(finish(ada_, {parameter(*first, "state"), "code", ""}));
  EXPECT_TRUE(finish(ada_, {parameter(*second, "state"), "code", ""}));
}

TEST_F(Connecting, TakesNoAnswerOfAnotherServer) {
  auto url = begin(ada_);
  EXPECT_FALSE(finish(ada_, {parameter(*url, "state"), "code", "https://evil.example"}));
  url = begin(ada_);
  EXPECT_FALSE(finish(ada_, {parameter(*url, "state"), "", ""}));
  publish(R"(,"authorization_response_iss_parameter_supported":true)");
  url = begin(ada_);
  EXPECT_FALSE(finish(ada_, {parameter(*url, "state"), "code", ""}));  // it promised to name itself
  EXPECT_EQ(web_.asked(kToken), 0);
  url = begin(ada_);
  EXPECT_TRUE(finish(ada_, {parameter(*url, "state"), "code", "https://as.example"}));
}

TEST_F(Connecting, BelievesNoForeignMetadata) {
  publish("", "https://evil.example");
  EXPECT_THAT(begin(ada_).error().message, HasSubstr("another name"));
  publish("");
  web_.put("https://mcp.example/about",
           {200, R"({"resource":"https://bank.example","authorization_servers":["https://as.example"]})", {}});
  EXPECT_THAT(begin(ada_).error().message, HasSubstr("another server"));
  web_.put("https://mcp.example/about", {302, "", {{"Location", "https://elsewhere.example/"}}});
  const auto away = begin(ada_);
  EXPECT_FALSE(away);
  EXPECT_EQ(web_.asked("https://elsewhere.example/"), 0);
  web_.put("https://mcp.example/about", {200, std::string(300 * 1024, ' '), {}});
  EXPECT_EQ(begin(ada_).error().code, Code::too_large);
  web_.put(kUrl, {401, "", {{"WWW-Authenticate", R"(Bearer resource_metadata="http://169.254.169.254/latest")"}}});
  EXPECT_FALSE(begin(ada_));
  EXPECT_EQ(web_.asked("http://169.254.169.254/latest"), 0);
  EXPECT_TRUE(secrets_.values.empty());
}

TEST_F(Connecting, FindsTheWayWithoutBeingTold) {
  web_.put(kUrl, {401, "", {{"WWW-Authenticate", "Bearer"}}});
  web_.put("https://mcp.example/.well-known/oauth-protected-resource/v1",
           {200,
            R"({"resource":"https://mcp.example","authorization_servers":["https://as.example"],)"
            R"("scopes_supported":["all"]})",
            {}});
  const auto url = begin(ada_);
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(parameter(*url, "scope"), "all");
  EXPECT_EQ(parameter(*url, "resource"), "https%3A%2F%2Fmcp.example");
}

TEST_F(Connecting, KnowsTheOlderRevision) {
  web_.put(kUrl, {401, "", {}});
  web_.put("https://mcp.example/register", {201, R"({"client_id":"old"})", {}});
  const auto url = begin(ada_);
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_TRUE(url->starts_with("https://mcp.example/authorize?response_type=code&client_id=old&"));
}

TEST_F(Connecting, AsksForLastingAccessWhereThatIsAScope) {
  publish(R"(,"scopes_supported":["notes","offline_access"])");
  const auto url = begin(ada_);
  EXPECT_EQ(parameter(*url, "scope"), "notes%20offline_access");
  EXPECT_EQ(parameter(*url, "prompt"), "consent");
}

TEST_F(Connecting, HasNothingToDoWhereEverybodyIsLetIn) {
  web_.put(kUrl, {200, "{}", {}});
  EXPECT_EQ(begin(ada_).error().code, Code::failed_precondition);
  server_.url = "http://mcp.example/v1";
  EXPECT_EQ(begin(ada_).error().code, Code::failed_precondition);
}

TEST_F(Connecting, RegistersOnceForAServer) {
  ASSERT_TRUE(connect(ada_));
  ASSERT_TRUE(connect(ada_));
  EXPECT_EQ(web_.asked(kRegister), 1);
  EXPECT_THAT(web_.last(kRegister).body, AllOf(HasSubstr(R"("redirect_uris":["https://bird.example/connect"])"),
                                               HasSubstr(R"("token_endpoint_auth_method":"none")")));
}

TEST_F(Connecting, UsesTheClientThatAnAdminRegistered) {
  server_.client_id = "by hand";
  set_by_hand("skill/tracker", "client_secret", "s3cr3t");
  publish(R"(,"token_endpoint_auth_methods_supported":["client_secret_basic"])");
  const auto url = begin(kim_);
  ASSERT_TRUE(url);
  EXPECT_EQ(parameter(*url, "client_id"), "by%20hand");
  EXPECT_EQ(web_.asked(kRegister), 0);
  EXPECT_TRUE(finish(kim_, {parameter(*url, "state"), "code", ""}));
  EXPECT_EQ(find_header(web_.last(kToken).headers, "Authorization"), net::basic_authorization("by hand", "s3cr3t"));
  EXPECT_THAT(web_.last(kToken).body, Not(HasSubstr("s3cr3t")));
}

TEST_F(Connecting, SaysHowWhereNobodyIsRegistered) {
  web_.put(kAbout, {200,
                    R"({"issuer":"https://as.example","authorization_endpoint":"https://as.example/authorize",)"
                    R"("token_endpoint":"https://as.example/token","code_challenge_methods_supported":["S256"]})",
                    {}});
  EXPECT_THAT(begin(ada_).error().message, AllOf(HasSubstr("client_id"), HasSubstr(kBack)));
}

TEST_F(Connecting, RenewsBeforeTheTokenEndsAndTakesTheNewRefreshToken) {
  ASSERT_TRUE(connect(ada_));
  give("access-2", "refresh-2");
  EXPECT_TRUE(freshen(ada_));
  EXPECT_EQ(web_.asked(kToken), 1);
  clock_.advance(Millis(3'545'000));
  EXPECT_TRUE(freshen(ada_));
  EXPECT_THAT(web_.last(kToken).body,
              AllOf(HasSubstr("grant_type=refresh_token&refresh_token=refresh-1"), HasSubstr("resource=")));
  EXPECT_EQ(token(ada_), "access-2");
  clock_.advance(Millis(3'600'000));
  give("access-3", "");  // keeps its refresh token
  EXPECT_TRUE(freshen(ada_));
  EXPECT_THAT(web_.last(kToken).body, HasSubstr("refresh_token=refresh-2"));
  clock_.advance(Millis(3'600'000));
  EXPECT_TRUE(freshen(ada_));
  EXPECT_THAT(web_.last(kToken).body, HasSubstr("refresh_token=refresh-2"));
}

TEST_F(Connecting, RenewsOnceForManyCalls) {
  ASSERT_TRUE(connect(ada_));
  clock_.advance(Millis(3'600'000));
  give("access-2", "refresh-2");
  const int done = testkit::run_on(loop_, freshened_at_once(8));
  EXPECT_EQ(done, 8);
  EXPECT_EQ(web_.asked(kToken), 2);
}

TEST_F(Connecting, RenewsAfterARefusalUnlessThatIsDone) {
  ASSERT_TRUE(connect(ada_));
  const UnixMillis lent = clock_.unix_now();
  clock_.advance(Millis(1));
  give("access-2", "refresh-2");
  EXPECT_TRUE(testkit::run_on(loop_, connections_.renew(ada_, server_, lent, {})));
  EXPECT_TRUE(testkit::run_on(loop_, connections_.renew(ada_, server_, lent, {})));
  EXPECT_EQ(web_.asked(kToken), 2);
  EXPECT_EQ(token(ada_), "access-2");
  EXPECT_FALSE(testkit::run_on(loop_, connections_.renew(kim_, server_, lent, {})));
}

TEST_F(Connecting, IsForgottenWhenItCannotBeRenewed) {
  ASSERT_TRUE(connect(ada_));
  clock_.advance(Millis(3'600'000));
  web_.put(kToken, {503, "", {}});
  EXPECT_EQ(freshen(ada_).error().code, Code::unavailable);
  EXPECT_TRUE(status(ada_).connected);
  web_.put(kToken, {400, R"({"error":"invalid_grant"})", {}});
  const Status over = freshen(ada_);
  EXPECT_EQ(over.error().code, Code::unauthenticated);
  EXPECT_THAT(over.error().message, HasSubstr("librebird skill connect tracker"));
  EXPECT_TRUE(secrets_.values.empty());
  EXPECT_TRUE(freshen(ada_));  // nothing to do any more
}

TEST_F(Connecting, IsUsedToTheEndWhileTheServerIsAway) {
  ASSERT_TRUE(connect(ada_));
  clock_.advance(Millis(3'580'000));
  web_.put(kToken, {503, "", {}});
  EXPECT_TRUE(freshen(ada_));
  EXPECT_EQ(token(ada_), "access-1");
}

TEST_F(Connecting, StaysWhenAnotherProcessRenewedItMeanwhile) {
  ASSERT_TRUE(connect(ada_));
  clock_.advance(Millis(3'600'000));
  Connections other(loop_.executor(), web_, clock_, random_, secrets_);
  bool within = false;
  web_.pages[kToken] = [&](const HttpRequest& request) -> Page {
    // The other one is quicker: the old refresh token is worth nothing when this request arrives.
    const std::string key = OwnSecrets::key(ada_, "user/skill/tracker", "oauth");
    std::string& record = secrets_.values[key];
    const std::size_t at = record.find("refresh-1");
    if (!within && at != std::string::npos) record.replace(at, 9, "refresh-9");
    within = true;
    EXPECT_THAT(request.body, HasSubstr("refresh-1"));
    return {400, R"({"error":"invalid_grant"})", {}};
  };
  EXPECT_TRUE(freshen(ada_));
  EXPECT_TRUE(status(ada_).connected);
}

// Refresh tokens are good once, and a server may end everything when one comes twice.
TEST_F(Connecting, IsRenewedByOneProcessAtATime) {
  ASSERT_TRUE(connect(ada_));
  clock_.advance(Millis(3'600'000));
  int number = 1;
  web_.pages[kToken] = [&](const HttpRequest& request) -> Page {
    if (request.body.find("refresh_token=refresh-" + std::to_string(number)) == std::string::npos) {
      secrets_.values.clear();  // reuse: all is taken away
      return {400, R"({"error":"invalid_grant"})", {}};
    }
    ++number;
    return {200,
            R"({"access_token":"access-)" + std::to_string(number) + R"(","token_type":"Bearer","expires_in":3600,)" +
                R"("refresh_token":"refresh-)" + std::to_string(number) + "\"}",
            {}};
  };
  Connections other(loop_.executor(), web_, clock_, random_, secrets_);
  const int done = testkit::run_on(loop_, freshened_by_both(other));
  EXPECT_EQ(done, 8);
  EXPECT_EQ(number, 2) << "renewed once";
  EXPECT_EQ(token(ada_), "access-2");
  EXPECT_TRUE(status(ada_).connected);
}

TEST_F(Connecting, IsRenewedByAnotherWhenWhoBeganItIsGone) {
  ASSERT_TRUE(connect(ada_));
  clock_.advance(Millis(3'600'000));
  std::string& record = secrets_.values[OwnSecrets::key(ada_, "user/skill/tracker", "oauth")];
  const std::string idle = "\"claimed_until\":0";
  ASSERT_NE(record.find(idle), std::string::npos);
  record.replace(record.find(idle), idle.size(), "\"claimed_until\":" + std::to_string(clock_.unix_now() + 19'000));
  clock_.advance(Millis(20'000));
  give("access-2", "refresh-2");
  EXPECT_TRUE(freshen(ada_));
  EXPECT_EQ(token(ada_), "access-2");
}

TEST_F(Connecting, AsksForWhatAServerMissed) {
  const std::string more =
      R"(Bearer error="insufficient_scope", scope="notes files:write", resource_metadata="https://x")";
  EXPECT_EQ(testkit::run_on(loop_, connections_.step_up(ada_, server_, more)), "") << "not connected";
  ASSERT_TRUE(connect(ada_));
  for (const char* other : {"", "Bearer", R"(Bearer error="invalid_token", scope="all")", R"(Basic realm="x")"}) {
    EXPECT_EQ(testkit::run_on(loop_, connections_.step_up(ada_, server_, other)), "") << other;
  }
  EXPECT_EQ(status(ada_).problem, "");
  const std::string told = testkit::run_on(loop_, connections_.step_up(ada_, server_, more));
  EXPECT_THAT(told, AllOf(HasSubstr("notes files:write"), HasSubstr("librebird skill connect tracker")));
  EXPECT_THAT(status(ada_).problem, HasSubstr("files:write"));
  EXPECT_TRUE(status(ada_).connected);
  EXPECT_EQ(token(ada_), "access-1") << "what it has stays good";
  EXPECT_EQ(parameter(*begin(ada_), "scope"), "notes%20files%3Awrite");
  ASSERT_TRUE(connect(ada_));
  EXPECT_EQ(status(ada_).problem, "");
  // Words that no scope has are not taken on.
  (void)testkit::run_on(loop_,
                        connections_.step_up(ada_, server_, "Bearer error=insufficient_scope, scope=\"a\\\"b\""));
  EXPECT_EQ(parameter(*begin(ada_), "scope"), "notes");
}

const std::string kRevoke = "https://as.example/revoke";

TEST_F(Connecting, TellsTheServerThatItHasEnded) {
  publish(R"(,"revocation_endpoint":"https://as.example/revoke")");
  web_.put(kRevoke, {200, "", {}});
  ASSERT_TRUE(connect(ada_));
  EXPECT_TRUE(testkit::run_on(loop_, connections_.disconnect(ada_, "tracker")));
  EXPECT_EQ(web_.asked(kRevoke), 2);
  EXPECT_EQ(web_.last(kRevoke).body, "token=access-1&token_type_hint=access_token&client_id=bird");
  EXPECT_THAT(web_.requests[web_.requests.size() - 2].body, HasSubstr("token=refresh-1&token_type_hint=refresh_token"));
  EXPECT_LE(web_.last(kRevoke).total_timeout, Millis(5'000));
  EXPECT_EQ(token(ada_), "");
  // One that is away, or refuses, keeps nobody.
  for (const int status_code : {503, 400}) {
    web_.put(kRevoke, {status_code, "", {}});
    ASSERT_TRUE(connect(ada_));
    EXPECT_TRUE(testkit::run_on(loop_, connections_.disconnect(ada_, "tracker")));
    EXPECT_FALSE(status(ada_).connected);
  }
  // An address that is not https is asked nothing.
  publish(R"(,"revocation_endpoint":"http://169.254.169.254/revoke")");
  const auto before = web_.requests.size();
  ASSERT_TRUE(connect(ada_));
  EXPECT_TRUE(testkit::run_on(loop_, connections_.disconnect(ada_, "tracker")));
  for (std::size_t i = before; i < web_.requests.size(); ++i)
    EXPECT_THAT(web_.requests[i].url, Not(HasSubstr("revoke")));
}

TEST_F(Connecting, IsNotTakenAlongWhenTheSkillMoves) {
  ASSERT_TRUE(connect(ada_));
  server_.url = "https://elsewhere.example/v1";
  EXPECT_FALSE(status(ada_).connected);
  EXPECT_TRUE(freshen(ada_));
  EXPECT_TRUE(secrets_.values.empty());
}

TEST_F(Connecting, Ends) {
  ASSERT_TRUE(connect(ada_));
  ASSERT_TRUE(connect(kim_));
  EXPECT_TRUE(testkit::run_on(loop_, connections_.disconnect(ada_, "tracker")));
  EXPECT_EQ(token(ada_), "");
  EXPECT_FALSE(status(ada_).connected);
  EXPECT_EQ(token(kim_), "access-1");
  EXPECT_TRUE(testkit::run_on(loop_, connections_.disconnect(ada_, "tracker")));
}

TEST_F(Connecting, LeavesASecretThatSomebodySetByHandAlone) {
  set_by_hand("user/skill/tracker", "access_token", "by hand");
  EXPECT_TRUE(freshen(ada_));
  EXPECT_EQ(token(ada_), "by hand");
}

}  // namespace
}  // namespace librebird::hands::oauth
