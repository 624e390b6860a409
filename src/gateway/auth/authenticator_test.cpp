#include <librebird/gateway/authenticator.hpp>

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
  const auto key = co_await issue_api_key(world.stores.credentials(), world.random, world.owner, "test");
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
  EXPECT_FALSE(caller->by_cookie);
  EXPECT_TRUE(caller->csrf_token.empty());
  EXPECT_EQ(caller->principal.credential_id, key->key.id);
  EXPECT_TRUE(co_await world.stores.credentials().revoke_api_key(world.owner, key->key.id));
  EXPECT_EQ((co_await auth.still_valid(*caller)).error().code, Code::unauthenticated);
}
TEST(Authenticator, ReadsBearerKeysStrictly) { play(bearers); }

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
