#include <librebird/gateway/authenticator.hpp>

#include <librebird/core/credentials/jwt.hpp>

#include <librebird/gateway/testkit/world.hpp>

namespace librebird::gateway {
namespace {

using namespace testkit;

net::Request request(std::string method, HttpHeaders headers) {
  net::Request out;
  out.method = std::move(method);
  out.path = "/api/v1/me";
  out.headers = {{"Host", "localhost:8741"}};
  out.headers.insert(out.headers.end(), headers.begin(), headers.end());
  return out;
}

Authenticator authenticator(World& world, AuthOptions options = {}) {
  return {world.clock, world.random, world.stores.credentials(), std::move(options)};
}

NewApiKey any_key() { return {.name = "test", .prefix = "", .hash = "", .scopes = {KeyScope::read, KeyScope::chat}}; }

struct Browser {
  std::string cookie;  // name=value
  std::string set_cookie;
  Caller caller;
};

Task<Result<Browser>> sign_in(World& world, Authenticator& auth, HttpHeaders headers = {}) {
  LB_CO_TRY(token, co_await issue_sign_in_token(world.stores.credentials(), world.clock, world.random, world.owner));
  LB_CO_TRY(done, co_await auth.sign_in(request("POST", std::move(headers)), token));
  Browser browser;
  browser.set_cookie = done.set_cookie;
  browser.cookie = done.set_cookie.substr(0, done.set_cookie.find(';'));
  browser.caller = std::move(done.caller);
  const auto again = co_await auth.sign_in(request("POST", {}), token);
  EXPECT_EQ(again.error().code, Code::unauthenticated) << "a token works once";
  co_return browser;
}

Task<Code> code_of(Authenticator& auth, net::Request asked) {
  const auto caller = co_await auth.authenticate(std::move(asked));
  co_return caller ? Code::internal : caller.error().code;
}

Task<void> cookies(World& world) {
  Authenticator auth = authenticator(world, {.secure_cookies = true});
  const auto browser = co_await sign_in(world, auth);
  LB_CO_ASSERT(browser.ok());
  for (const char* needed : {"; HttpOnly", "; SameSite=Strict", "; Path=/", "; Secure", "; Max-Age=2592000"}) {
    EXPECT_THAT(browser->set_cookie, testing::HasSubstr(needed));
  }
  const auto caller = co_await auth.authenticate(request("GET", {{"Cookie", "a=b; " + browser->cookie + "; c=d"}}));
  LB_CO_ASSERT(caller.ok());
  EXPECT_EQ(caller->principal.user_id, world.owner.user_id);
  EXPECT_EQ(caller->csrf_token, browser->caller.csrf_token);
  const std::string secret = browser->cookie.substr(browser->cookie.find('=') + 1);
  EXPECT_EQ(caller->csrf_token.find(secret), std::string::npos);
  for (const std::string& bad :
       {std::string("lb_session="), std::string("lb_session=x"), browser->cookie + "x", "LB_SESSION=" + secret,
        "xlb_session=" + secret, "lb_session=" + std::string(5'000, 'a'), "lb_session=" + sha256_hex(secret)}) {
    EXPECT_EQ(co_await code_of(auth, request("GET", {{"Cookie", bad}})), Code::unauthenticated) << bad;
  }
  EXPECT_EQ(co_await code_of(auth, request("GET", {})), Code::unauthenticated);
  EXPECT_TRUE(co_await auth.still_valid(*caller));
  const auto removal = co_await auth.sign_out(*caller);
  EXPECT_THAT(*removal, testing::HasSubstr("lb_session=; "));
  EXPECT_THAT(*removal, testing::HasSubstr("Max-Age=0"));
  EXPECT_EQ(co_await code_of(auth, request("GET", {{"Cookie", browser->cookie}})), Code::unauthenticated);
  EXPECT_EQ((co_await auth.still_valid(*caller)).error().code, Code::unauthenticated);
}
TEST(Authenticator, ACookieIsGoodUntilSignOut) { play(cookies); }

Task<void> expiry(World& world) {
  Authenticator auth = authenticator(world, {.session_lifetime = Millis(50)});
  const auto browser = co_await sign_in(world, auth);
  LB_CO_ASSERT(browser.ok());
  Code code = Code::internal;
  for (int i = 0; i < 1'000 && code == Code::internal; ++i) {
    co_await sleep_for(Millis(5));
    code = co_await code_of(auth, request("GET", {{"Cookie", browser->cookie}}));
  }
  EXPECT_EQ(code, Code::unauthenticated);
}
TEST(Authenticator, ASessionExpires) { play(expiry); }

Task<void> csrf(World& world) {
  Authenticator auth = authenticator(world);
  const auto browser = co_await sign_in(world, auth, {{"Origin", "http://localhost:8741"}});
  LB_CO_ASSERT(browser.ok());
  const auto other = co_await sign_in(world, auth);
  const std::pair<std::string, std::string> cookie{"Cookie", browser->cookie};
  const std::string& token = browser->caller.csrf_token;
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get"}) {
    EXPECT_EQ(co_await code_of(auth, request(method, {cookie})), Code::permission_denied) << method;
    EXPECT_EQ(co_await code_of(auth, request(method, {cookie, {"X-CSRF-Token", token}})), Code::internal) << method;
  }
  for (const std::string& bad :
       {std::string(), std::string("x"), token + "0", token.substr(1), other->caller.csrf_token}) {
    EXPECT_EQ(co_await code_of(auth, request("POST", {cookie, {"X-CSRF-Token", bad}})), Code::permission_denied);
  }
  for (const char* origin : {"http://evil.example", "null", "http://localhost", "http://localhost:8741.evil.example",
                             "http://localhost:87410", "ws://localhost:8741", ""}) {
    EXPECT_EQ(co_await code_of(auth, request("POST", {cookie, {"X-CSRF-Token", token}, {"Origin", origin}})),
              Code::permission_denied)
        << origin;
  }
  EXPECT_EQ(
      co_await code_of(auth, request("POST", {cookie, {"X-CSRF-Token", token}, {"Origin", "HTTP://LOCALHOST:8741"}})),
      Code::internal);
  // A sign-in from a page of another origin would sign the browser in as somebody else.
  const auto foreign = co_await auth.sign_in(request("POST", {{"Origin", "http://evil.example"}}), "any");
  EXPECT_EQ(foreign.error().code, Code::permission_denied);
}
TEST(Authenticator, CookieCallersNeedTheirCsrfTokenAndOrigin) { play(csrf); }

Task<void> upgrades(World& world) {
  Authenticator auth = authenticator(world);
  const auto browser = co_await sign_in(world, auth);
  LB_CO_ASSERT(browser.ok());
  const auto upgrade = [&](HttpHeaders headers) {
    headers.emplace_back("Cookie", browser->cookie);
    net::Request out = request("GET", headers);
    out.upgrade = true;
    return out;
  };
  EXPECT_EQ(co_await code_of(auth, upgrade({})), Code::permission_denied);
  EXPECT_EQ(co_await code_of(auth, upgrade({{"Origin", "https://evil.example"}})), Code::permission_denied);
  EXPECT_EQ(co_await code_of(auth, upgrade({{"Origin", "https://localhost:8741"}})), Code::internal);
}
TEST(Authenticator, ASocketOfABrowserNeedsASameOrigin) { play(upgrades); }

Task<void> bearers(World& world) {
  Authenticator auth = authenticator(world);
  const auto key = co_await issue_api_key(world.stores.credentials(), world.random, world.owner, any_key());
  const auto browser = co_await sign_in(world, auth);
  LB_CO_ASSERT(key.ok() && browser.ok());
  for (const char* scheme : {"Bearer ", "bearer ", "BEARER "}) {
    EXPECT_EQ(co_await code_of(auth, request("POST", {{"Authorization", scheme + key->secret}})), Code::internal);
  }
  for (const std::string& bad :
       {std::string(), std::string("Bearer"), std::string("Bearer "), "Bearer  " + key->secret, key->secret,
        "Basic " + key->secret, "Bearer " + key->secret + "x", "Bearer " + key->secret + " ", std::string("Bearer lb_"),
        "Bearer lb_" + std::string(100'000, 'a'), "Bearer " + sha256_hex(key->secret)}) {
    EXPECT_EQ(co_await code_of(auth, request("GET", {{"Authorization", bad}})), Code::unauthenticated) << bad;
    // A bad key is not made good by a good cookie.
    EXPECT_EQ(co_await code_of(auth, request("GET", {{"Authorization", bad}, {"Cookie", browser->cookie}})),
              Code::unauthenticated);
  }
  const auto caller = co_await auth.authenticate(request("GET", {{"Authorization", "Bearer " + key->secret}}));
  LB_CO_ASSERT(caller.ok());
  EXPECT_EQ(caller->by, Caller::By::api_key);
  EXPECT_EQ(caller->principal.scopes, (ScopeSet{KeyScope::read, KeyScope::chat}));
  EXPECT_TRUE(caller->csrf_token.empty());
  EXPECT_EQ(caller->principal.credential_id, key->key.id);
  EXPECT_TRUE(co_await world.stores.credentials().revoke_api_key(world.owner, key->key.id));
  EXPECT_EQ((co_await auth.still_valid(*caller)).error().code, Code::unauthenticated);
}
TEST(Authenticator, ReadsBearerKeysStrictly) { play(bearers); }

net::Request from(std::string address, HttpHeaders headers = {}) {
  net::Request out = request("GET", std::move(headers));
  out.remote_address = std::move(address);
  return out;
}

Task<void> addresses(World& world) {
  AuthOptions options;
  options.trusted_proxies = {*policy::AddressRange::parse("10.0.0.0/8"), *policy::AddressRange::parse("::1")};
  Authenticator auth = authenticator(world, std::move(options));
  const auto said = [&](const char* peer, const char* list) {
    return auth.address_of(from(peer, {{"X-Forwarded-For", list}}));
  };
  EXPECT_EQ(said("192.0.2.1", "198.51.100.7"), "192.0.2.1") << "anybody can say anything";
  EXPECT_EQ(said("10.0.0.1", "198.51.100.7"), "198.51.100.7");
  EXPECT_EQ(said("10.0.0.1", "127.0.0.1, 198.51.100.7"), "198.51.100.7")
      << "what the client itself said is not believed";
  EXPECT_EQ(said("::1", "198.51.100.7, 10.0.0.2,10.0.0.3"), "198.51.100.7");
  EXPECT_EQ(said("10.0.0.1", "10.0.0.2"), "10.0.0.2");
  EXPECT_EQ(said("10.0.0.1", ""), "10.0.0.1");
  EXPECT_EQ(auth.address_of(from("10.0.0.1")), "10.0.0.1");
  NewApiKey limited = any_key();
  limited.cidrs = {"198.51.100.0/24"};
  const auto key = co_await issue_api_key(world.stores.credentials(), world.random, world.owner, limited);
  LB_CO_ASSERT(key.ok());
  const std::pair<std::string, std::string> bearer{"Authorization", "Bearer " + key->secret};
  EXPECT_EQ(co_await code_of(auth, from("198.51.100.9", {bearer})), Code::internal);
  EXPECT_EQ(co_await code_of(auth, from("10.0.0.1", {bearer, {"X-Forwarded-For", "198.51.100.9"}})), Code::internal);
  for (const char* elsewhere : {"198.51.101.1", "::1", "", "10.0.0.1"}) {
    EXPECT_EQ(co_await code_of(auth, from(elsewhere, {bearer})), Code::permission_denied) << elsewhere;
  }
  EXPECT_EQ(co_await code_of(auth, from("192.0.2.1", {bearer, {"X-Forwarded-For", "198.51.100.9"}})),
            Code::permission_denied);
}
TEST(Authenticator, BelievesTrustedProxiesOnly) { play(addresses); }

Task<void> tokens(World& world) {
  const std::string secret(32, 'k');
  AuthOptions options;
  options.token_key = secret;
  Authenticator auth = authenticator(world, options);
  Authenticator keyless = authenticator(world);
  const auto session = co_await auth.open_token_session(request("POST", {}), world.owner.user_id);
  LB_CO_ASSERT(session.ok());
  const std::int64_t now = world.clock.unix_now() / 1000;
  TokenClaims claims{world.owner.user_id, "", {}, now, now + 3600, session->id, session->epoch};
  const auto with = [](const std::string& token) { return request("POST", {{"Authorization", "Bearer " + token}}); };
  const std::string good = sign_token(claims, secret);
  const auto caller = co_await auth.authenticate(with(good));
  LB_CO_ASSERT(caller.ok());
  EXPECT_EQ(caller->by, Caller::By::token);
  EXPECT_EQ(caller->principal.role, Role::owner);
  EXPECT_EQ(caller->principal.credential_id, session->id);
  EXPECT_EQ(caller->principal.scopes, ScopeSet::all());
  EXPECT_EQ(co_await code_of(keyless, with(good)), Code::unauthenticated);
  EXPECT_EQ(co_await code_of(auth, with(sign_token(claims, secret + "x"))), Code::unauthenticated);
  TokenClaims other = claims;
  other.epoch += 1;
  EXPECT_EQ(co_await code_of(auth, with(sign_token(other, secret))), Code::unauthenticated) << "epoch";
  other = claims;
  other.user_id = world.ids.next();
  EXPECT_EQ(co_await code_of(auth, with(sign_token(other, secret))), Code::unauthenticated)
      << "somebody else's session";
  other = claims;
  other.session_id = world.ids.next();
  EXPECT_EQ(co_await code_of(auth, with(sign_token(other, secret))), Code::unauthenticated) << "no session";
  const auto browser = co_await sign_in(world, auth);
  LB_CO_ASSERT(browser.ok());
  other.session_id = browser->caller.principal.credential_id;
  EXPECT_EQ(co_await code_of(auth, with(sign_token(other, secret))), Code::unauthenticated) << "a browser's session";
  EXPECT_TRUE(co_await auth.still_valid(*caller));
  EXPECT_TRUE(co_await world.stores.credentials().end_sessions(world.owner, ""));
  EXPECT_EQ(co_await code_of(auth, with(good)), Code::unauthenticated);
  EXPECT_EQ((co_await auth.still_valid(*caller)).error().code, Code::unauthenticated);
}
TEST(Authenticator, TokensLiveAsLongAsTheirSession) { play(tokens); }

Task<void> workspaces(World& world) {
  Authenticator auth = authenticator(world);
  const auto browser = co_await sign_in(world, auth);
  const auto key = co_await issue_api_key(world.stores.credentials(), world.random, world.owner, any_key());
  const Principal stranger = world.stores.add_stranger();
  LB_CO_ASSERT(browser.ok() && key.ok());
  for (const std::pair<std::string, std::string>& credential :
       {std::pair<std::string, std::string>{"Cookie", browser->cookie},
        std::pair<std::string, std::string>{"Authorization", "Bearer " + key->secret}}) {
    const auto in = [&](std::string id) {
      return request("GET", {credential, {"Librebird-Workspace", std::move(id)}});
    };
    EXPECT_EQ(co_await code_of(auth, in(world.owner.workspace_id)), Code::internal);
    EXPECT_EQ(co_await code_of(auth, in(stranger.workspace_id)), Code::permission_denied);
    EXPECT_EQ(co_await code_of(auth, in(world.ids.next())), Code::permission_denied);
    EXPECT_EQ(co_await code_of(auth, in("' OR 1=1 --")), Code::invalid_argument);
    net::Request by_query = request("GET", {credential});
    by_query.query = "a=b&workspace=" + stranger.workspace_id;
    EXPECT_EQ(co_await code_of(auth, by_query), Code::permission_denied);
  }
}
TEST(Authenticator, AWorkspaceIsChosenAmongOnesOwn) { play(workspaces); }

Task<void> fixation(World& world) {
  Authenticator auth = authenticator(world);
  const auto before = co_await sign_in(world, auth);
  LB_CO_ASSERT(before.ok());
  const auto after =
      co_await auth.open(request("POST", {{"Cookie", before->cookie}}), world.owner.user_id, world.owner.workspace_id);
  LB_CO_ASSERT(after.ok());
  EXPECT_NE(after->set_cookie.substr(0, after->set_cookie.find(';')), before->cookie);
  EXPECT_NE(after->caller.principal.credential_id, before->caller.principal.credential_id);
}
TEST(Authenticator, EverySignInMakesASessionOfItsOwn) { play(fixation); }

Task<void> hosts(World& world) {
  Authenticator strict = authenticator(world, {.allowed_hosts = {"Bird.Example", "10.0.0.7"}});
  const auto host = [](std::string name) {
    net::Request out;
    out.method = "GET";
    out.headers = {{"host", std::move(name)}};
    return out;
  };
  for (const char* good : {"localhost", "LOCALHOST:1", "127.0.0.1:8741", "[::1]:8741", "[::1]", "a.localhost:80",
                           "bird.example:443", "BIRD.EXAMPLE", "10.0.0.7"}) {
    EXPECT_TRUE(strict.check_host(host(good))) << good;
  }
  for (const char* bad :
       {"", ":80", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::1", "[::2]",
        "notbird.example", "bird.example.evil", "10.0.0.70", "localhost@evil.example", "evil.example#localhost"}) {
    EXPECT_FALSE(strict.check_host(host(bad))) << bad;
  }
  EXPECT_FALSE(strict.check_host(net::Request{}));
  EXPECT_TRUE(authenticator(world, {.allowed_hosts = {"*"}}).check_host(host("evil.example")));
  co_return;
}
TEST(Authenticator, TheHostHeaderMustNameThisServer) { play(hosts); }

}  // namespace
}  // namespace librebird::gateway
