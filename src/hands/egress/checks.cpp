// What must hold of a request before it leaves, and of an answer before it is passed on.

#include "ascii.hpp"
#include "exchange.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace librebird::egress {
namespace {

constexpr std::array<std::string_view, 17> kMethods = {
    "GET",   "HEAD", "POST", "PUT",  "PATCH",  "DELETE", "OPTIONS", "PROPFIND",  "PROPPATCH",
    "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH",  "MKCALENDAR"};

// They bind a connection to a person, and connections are shared.
bool binds_connection(std::string_view credentials) {
  const std::string scheme = lower(credentials.substr(0, credentials.find(' ')));
  return scheme == "ntlm" || scheme == "negotiate";
}

bool is_credential_field(std::string_view name) {
  return same(name, "authorization") || same(name, "cookie") || lower(name).find("token") != std::string::npos ||
         lower(name).find("key") != std::string::npos;
}

bool is_encoded(const HttpResponse& answer) {
  const auto coding = find_header(answer.headers(), "Content-Encoding");
  return coding && !coding->empty() && !same(*coding, "identity");
}

Error leak(const TrafficFinding& found, const char* where) {
  return make_error(
      Code::permission_denied,
      fmt::format("The request's {} holds what looks like a secret ({}), so it was not sent.", where, found.name));
}

}  // namespace

int refusal_status(const Error& error) {
  switch (error.code) {
    case Code::invalid_argument: return 400;
    case Code::permission_denied: return 403;
    case Code::too_large: return 413;
    case Code::resource_exhausted: return 429;
    case Code::deadline_exceeded: return 504;
    case Code::failed_precondition: return 501;
    default: return 502;
  }
}

EgressDecision decision_of(const Error& error) {
  switch (error.code) {
    case Code::unavailable:
    case Code::deadline_exceeded:
    case Code::cancelled:
    case Code::internal: return EgressDecision::failed;
    default: return EgressDecision::denied;
  }
}

std::string refusal_text(const Error& error, bool keep_alive, bool with_body) {
  const std::string body = error.message + "\n";
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nX-LibreBird-Egress: {}\r\n"
      "{}\r\n{}",
      refusal_status(error), printable(error.message, 300), body.size(), to_string(decision_of(error)),
      keep_alive ? "" : "Connection: close\r\n", with_body ? body : "");
}

Result<HttpRequest> make_outgoing(const Binding& binding, const Target& target, const std::string& method,
                                  HttpHeaders headers) {
  if (std::ranges::find(kMethods, method) == kMethods.end()) {
    return make_error(Code::permission_denied, fmt::format("The method {} is not allowed.", printable(method, 20)));
  }
  LB_CHECK(binding.hosts().check(target));
  if (const auto found = binding.find(Direction::out, target.path)) return leak(*found, "address");
  for (const auto& [name, value] : headers) {
    if (same(name, "authorization") && binds_connection(value)) {
      return make_error(Code::permission_denied,
                        "NTLM and Negotiate bind a connection to one person, so the fence does not pass them on.");
    }
    // Credentials look like secrets because they are; only those that are known not to belong here are stopped.
    const auto found = binding.find(Direction::out, value);
    if (found && (found->known || !is_credential_field(name))) return leak(*found, "head");
  }
  HttpRequest request;
  request.method = method;
  Target filled = target;
  LB_TRY(path, binding.secrets().into_path(target));
  filled.path = std::move(path);
  request.url = filled.url();
  LB_CHECK(binding.secrets().into_headers(target, headers));
  if (binding.inspected() || !binding.secrets().empty()) {
    // What comes back must be readable.
    drop_field(headers, "Accept-Encoding");
    headers.emplace_back("Accept-Encoding", "identity");
  }
  if (binding.secrets().any_for(target)) {
    // In parts, a value could come back unrecognised.
    drop_field(headers, "Range");
    drop_field(headers, "If-Range");
  }
  request.headers = std::move(headers);
  request.reach = binding.reach();
  request.total_timeout = binding.limits().total_timeout;
  request.idle_timeout = binding.limits().idle_timeout;
  request.connect_timeout = std::min(request.connect_timeout, request.total_timeout);
  return request;
}

Status check_answer(const Binding& binding, const Target& target, const HttpResponse& answer) {
  if (answer.status() == 101 || answer.status() == 407 || answer.status() < 200) {
    return make_error(Code::unavailable, fmt::format("{} answered with status {}, which only a proxy may.",
                                                     target.authority(), answer.status()));
  }
  if (is_encoded(answer) && binding.secrets().any_for(target)) {
    return make_error(
        Code::unavailable,
        fmt::format("{} answered compressed although it was asked not to, so the fence cannot see whether "
                    "a secret of this call comes back.",
                    target.authority()));
  }
  return Ok{};
}

HttpHeaders incoming_headers(const Binding& binding, const HttpHeaders& headers) {
  HttpHeaders passed = headers;
  drop_hop_by_hop(passed);
  // Alt-Svc leads to protocols and ports that are not there.
  for (const char* name : {"Content-Length", "Alt-Svc", "X-LibreBird-Egress"}) drop_field(passed, name);
  if (!binding.secrets().empty()) {
    for (auto& [name, value] : passed) value = binding.secrets().redactor().all(value);
  }
  return passed;
}

}  // namespace librebird::egress
