#include <librebird/gateway/authenticator.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace librebird::gateway {
namespace {

constexpr std::string_view kCookie = "lb_session";
constexpr std::size_t kTokenLimit = 256;

Error unauthenticated(std::string message) { return make_error(Code::unauthenticated, std::move(message)); }

// Derived, so that nothing more is stored: whoever knows the session's secret is the browser itself.
std::string csrf_of(std::string_view session_token) { return sha256_hex(fmt::format("csrf:{}", session_token)); }

bool is_read(const net::Request& request) { return request.method == "GET" || request.method == "HEAD"; }

std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

}  // namespace

Authenticator::Authenticator(const Clock& clock, Random& random, CredentialStore& credentials, AuthOptions options)
    : clock_(clock), random_(random), credentials_(credentials), options_(std::move(options)) {}

Status Authenticator::check_host(const net::Request& request) const {
  const std::string host = lower(without_port(request.header("host").value_or("")));
  if (host == "localhost" || host == "127.0.0.1" || host == "[::1]" || host.ends_with(".localhost")) return Ok{};
  for (const std::string& allowed : options_.allowed_hosts) {
    if (allowed == "*" || lower(allowed) == host) return Ok{};
  }
  return make_error(Code::invalid_argument,
                    fmt::format("This server is not called \"{}\". If it should be, add the name to "
                                "server.allowed_hosts in the configuration.",
                                host.substr(0, 100)));
}

Status Authenticator::check_origin(const net::Request& request, bool required) const {
  const auto origin = request.header("origin");
  if (!origin) {
    if (!required) return Ok{};
    return make_error(Code::permission_denied, "A browser must send an Origin header here.");
  }
  const std::string host = lower(request.header("host").value_or(""));
  if (lower(*origin) == "http://" + host || lower(*origin) == "https://" + host) return Ok{};
  return make_error(Code::permission_denied, "Requests from pages of other origins are refused.");
}

Task<Result<Caller>> Authenticator::authenticate(net::Request request) {
  if (const auto header = request.header("authorization")) {
    const std::size_t space = header->find(' ');
    if (space == std::string_view::npos || lower(header->substr(0, space)) != "bearer") {
      co_return unauthenticated("The Authorization header must be `Bearer <API key>`.");
    }
    const std::string_view key = header->substr(space + 1);
    if (!key.starts_with(kApiKeyPrefix) || key.size() > kTokenLimit) {
      co_return unauthenticated("This is not an API key of this server; make one with `librebird api-key create`.");
    }
    Caller caller;
    caller.credential_hash = sha256_hex(key);
    LB_CO_TRY(principal, co_await credentials_.find_api_key(caller.credential_hash));
    caller.principal = std::move(principal);
    co_return caller;
  }
  const auto token = request.cookie(kCookie);
  if (!token || token->empty() || token->size() > kTokenLimit) {
    co_return unauthenticated(
        "Nobody is signed in: open the link of `librebird sign-in-link`, or send an API key as a bearer token.");
  }
  Caller caller;
  caller.by_cookie = true;
  caller.credential_hash = sha256_hex(*token);
  caller.csrf_token = csrf_of(*token);
  if (!is_read(request)) {
    LB_CO_CHECK(check_origin(request, false));
    const auto sent = request.header("x-csrf-token");
    if (!sent || !constant_time_equal(*sent, caller.csrf_token)) {
      co_return make_error(Code::permission_denied,
                           "The X-CSRF-Token header is missing or wrong; take it from GET /api/v1/me.");
    }
  } else if (request.upgrade) {
    LB_CO_CHECK(check_origin(request, true));
  }
  LB_CO_TRY(session, co_await credentials_.find_session(caller.credential_hash));
  caller.principal = std::move(session.principal);
  co_return caller;
}

Task<Status> Authenticator::still_valid(Caller caller) {
  if (caller.by_cookie) {
    LB_CO_CHECK(co_await credentials_.find_session(caller.credential_hash));
  } else {
    LB_CO_CHECK(co_await credentials_.find_api_key(caller.credential_hash));
  }
  co_return Ok{};
}

std::string Authenticator::cookie(std::string_view value, std::int64_t seconds) const {
  return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{}", kCookie, value, seconds,
                     options_.secure_cookies ? "; Secure" : "");
}

Task<Result<Authenticator::SignedIn>> Authenticator::sign_in(net::Request request, std::string token) {
  LB_CO_CHECK(check_origin(request, false));
  const std::string secret = random_token(random_);
  SignedIn signed_in;
  signed_in.caller.by_cookie = true;
  signed_in.caller.credential_hash = sha256_hex(secret);
  signed_in.caller.csrf_token = csrf_of(secret);
  LB_CO_TRY(session, co_await credentials_.redeem_sign_in_link(sha256_hex(token), signed_in.caller.credential_hash,
                                                               clock_.unix_now() + options_.session_lifetime.count()));
  signed_in.caller.principal = std::move(session.principal);
  signed_in.set_cookie = cookie(secret, options_.session_lifetime.count() / 1000);
  co_return signed_in;
}

Task<Result<std::string>> Authenticator::sign_out(Caller caller) {
  if (caller.by_cookie) LB_CO_CHECK(co_await credentials_.delete_session(caller.credential_hash));
  co_return cookie("", 0);
}

}  // namespace librebird::gateway
