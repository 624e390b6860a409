#include <librebird/gateway/authenticator.hpp>

#include <librebird/core/credentials/jwt.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace librebird::gateway {
namespace {

constexpr std::string_view kCookie = "lb_session";
constexpr std::size_t kSecretLimit = 256;
constexpr std::size_t kTokenLimit = 16 * 1024;

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

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Result<std::string> wanted_workspace(const net::Request& request) {
  std::string wanted(request.header("librebird-workspace").value_or(""));
  if (wanted.empty()) wanted = request.query_value("workspace").value_or("");
  if (wanted.empty() || is_uuid(wanted)) return wanted;
  return {Code::invalid_argument, "The workspace is named by its id, as GET /api/v1/me tells it."};
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

std::string Authenticator::address_of(const net::Request& request) const {
  std::string address = request.remote_address;
  if (!policy::any_contains(options_.trusted_proxies, address)) return address;
  // Each proxy adds whom it spoke with at the end: the last one that is no proxy of ours is the client.
  std::string_view list = request.header("x-forwarded-for").value_or("");
  while (!list.empty()) {
    const std::size_t comma = list.rfind(',');
    const std::string_view entry = trimmed(list.substr(comma == std::string_view::npos ? 0 : comma + 1));
    address = std::string(entry.substr(0, 64));
    if (!policy::any_contains(options_.trusted_proxies, address)) break;
    list = list.substr(0, comma == std::string_view::npos ? 0 : comma);
  }
  return address;
}

Task<Result<Caller>> Authenticator::authenticate(net::Request request) {
  LB_CO_TRY(wanted, wanted_workspace(request));
  if (request.header("authorization")) co_return co_await by_bearer(std::move(request), std::move(wanted));
  co_return co_await by_cookie(std::move(request), std::move(wanted));
}

Task<Result<Caller>> Authenticator::by_bearer(net::Request request, std::string wanted) {
  const std::string_view header = *request.header("authorization");
  const std::size_t space = header.find(' ');
  if (space == std::string_view::npos || lower(header.substr(0, space)) != "bearer") {
    co_return unauthenticated("The Authorization header must be `Bearer <API key or access token>`.");
  }
  const std::string secret(header.substr(space + 1, kTokenLimit));
  Caller caller;
  caller.address = address_of(request);
  if (is_token(secret) && !options_.token_key.empty()) {
    LB_CO_TRY(session, co_await token_session(secret, std::move(wanted)));
    caller.by = Caller::By::token;
    caller.credential_hash = session.id;
    caller.principal = std::move(session.principal);
    co_return caller;
  }
  if (!secret.starts_with(kApiKeyPrefix) || secret.size() > kSecretLimit) {
    co_return unauthenticated(
        "This is no API key or access token of this server; `librebird api-key create` makes one.");
  }
  caller.credential_hash = sha256_hex(secret);
  LB_CO_TRY(found, co_await credentials_.find_api_key(caller.credential_hash, std::move(wanted)));
  if (!found.key.cidrs.empty()) {
    LB_CO_TRY(ranges, policy::parse_ranges(found.key.cidrs));
    if (!policy::any_contains(ranges, caller.address)) {
      co_return make_error(
          Code::permission_denied,
          fmt::format("This API key may not be used from {}: make one for that address.", caller.address));
    }
  }
  caller.principal = std::move(found.principal);
  caller.principal.scopes = found.key.scopes;
  co_return caller;
}

Task<Result<Session>> Authenticator::token_session(std::string token, std::string wanted) {
  LB_CO_TRY(claims, verify_token(token, options_.token_key, clock_.unix_now() / 1000));
  LB_CO_TRY(session,
            co_await credentials_.find_token_session(claims.session_id, std::move(wanted), options_.session_idle));
  if (session.epoch != claims.epoch || session.principal.user_id != claims.user_id) {
    co_return unauthenticated("This access token was ended: sign in again.");
  }
  co_return session;
}

Task<Result<Caller>> Authenticator::by_cookie(net::Request request, std::string wanted) {
  const auto token = request.cookie(kCookie);
  if (!token || token->empty() || token->size() > kSecretLimit) {
    co_return unauthenticated(
        "Nobody is signed in: sign in, open the link of `librebird sign-in-link`, or send an API key as a bearer "
        "token.");
  }
  Caller caller;
  caller.by = Caller::By::cookie;
  caller.address = address_of(request);
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
  LB_CO_TRY(session,
            co_await credentials_.find_session(caller.credential_hash, std::move(wanted), options_.session_idle));
  caller.principal = std::move(session.principal);
  co_return caller;
}

Task<Status> Authenticator::still_valid(Caller caller) {
  const std::string workspace = caller.principal.workspace_id;
  switch (caller.by) {
    case Caller::By::cookie:
      LB_CO_CHECK(co_await credentials_.find_session(caller.credential_hash, workspace, options_.session_idle));
      break;
    case Caller::By::token:
      LB_CO_CHECK(co_await credentials_.find_token_session(caller.credential_hash, workspace, options_.session_idle));
      break;
    case Caller::By::api_key: LB_CO_CHECK(co_await credentials_.find_api_key(caller.credential_hash, workspace)); break;
  }
  co_return Ok{};
}

std::string Authenticator::cookie(std::string_view value, std::int64_t seconds) const {
  return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{}", kCookie, value, seconds,
                     options_.secure_cookies ? "; Secure" : "");
}

NewSession Authenticator::new_session(const net::Request& request) const {
  NewSession session;
  session.expires_at = clock_.unix_now() + options_.session_lifetime.count();
  session.address = address_of(request);
  session.user_agent = std::string(request.header("user-agent").value_or(""));
  return session;
}

Authenticator::SignedIn Authenticator::signed_in(Session session, const std::string& secret,
                                                 const net::Request& request) const {
  SignedIn out;
  out.caller.by = Caller::By::cookie;
  out.caller.credential_hash = sha256_hex(secret);
  out.caller.csrf_token = csrf_of(secret);
  out.caller.address = address_of(request);
  out.caller.principal = session.principal;
  out.session = std::move(session);
  out.set_cookie = cookie(secret, options_.session_lifetime.count() / 1000);
  return out;
}

Task<Result<Authenticator::SignedIn>> Authenticator::sign_in(net::Request request, std::string token) {
  LB_CO_CHECK(check_origin(request, false));
  const std::string secret = random_token(random_);
  NewSession fresh = new_session(request);
  fresh.hash = sha256_hex(secret);
  LB_CO_TRY(session, co_await credentials_.redeem_sign_in_link(sha256_hex(token), std::move(fresh)));
  co_return signed_in(std::move(session), secret, request);
}

Task<Result<Authenticator::SignedIn>> Authenticator::open(net::Request request, std::string user_id,
                                                          std::string workspace_id) {
  const std::string secret = random_token(random_);
  NewSession fresh = new_session(request);
  fresh.user_id = std::move(user_id);
  fresh.workspace_id = std::move(workspace_id);
  fresh.hash = sha256_hex(secret);
  LB_CO_TRY(session, co_await credentials_.open_session(std::move(fresh)));
  co_return signed_in(std::move(session), secret, request);
}

Task<Result<Session>> Authenticator::open_token_session(net::Request request, std::string user_id) {
  NewSession fresh = new_session(request);
  fresh.user_id = std::move(user_id);
  co_return co_await credentials_.open_session(std::move(fresh));
}

Task<Result<std::string>> Authenticator::sign_out(Caller caller) {
  if (caller.by != Caller::By::api_key) {
    LB_CO_CHECK(co_await credentials_.delete_session(caller.principal, caller.principal.credential_id));
  }
  co_return cookie("", 0);
}

}  // namespace librebird::gateway
