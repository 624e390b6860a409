// Signing in at identity providers, and linking an account with them.
#include <librebird/base/log.hpp>
#include <librebird/core/credentials/email.hpp>
#include <librebird/core/policy/address.hpp>

#include <fmt/format.h>

#include <algorithm>

#include "api.hpp"

namespace librebird::gateway {
namespace {

constexpr std::string_view kCookie = "lb_external";
constexpr std::string_view kHome = "/api/v1/auth/oidc";

std::string cookie(std::string_view value, int seconds, bool secure) {
  // Lax: it must come along when the provider sends the browser back.
  return fmt::format("{}={}; Path={}; HttpOnly; SameSite=Lax; Max-Age={}{}", kCookie, value, kHome, seconds,
                     secure ? "; Secure" : "");
}

net::Response redirect(std::string location) {
  return {303,
          {{"Location", std::move(location)}, {"Cache-Control", "no-store"}, {"Referrer-Policy", "no-referrer"}},
          {},
          {}};
}

std::string parameter(const net::Request& request, std::string_view name) {
  return request.query_value(name).value_or("");
}

// The word that the sign-in page explains.
std::string_view reason(const Error& error) {
  switch (error.code) {
    case Code::unauthenticated: return "expired";
    case Code::permission_denied: return "denied";
    case Code::already_exists: return "already_linked";
    case Code::not_found: return "unknown_provider";
    case Code::resource_exhausted: return "too_many";
    case Code::unavailable:
    case Code::deadline_exceeded: return "provider_unavailable";
    default: return "failed";
  }
}

net::Response failed(const Error& error, std::string_view provider, std::string_view why) {
  log::warn("an external sign-in failed", {{"provider", provider}, {"cause", error.message}});
  return redirect(fmt::format("/sign-in?error={}", why));
}

void keep_normal_address(ExternalIdentity& identity) {
  if (!identity.email) return;
  auto normal = normal_email(*identity.email);
  if (normal) {
    identity.email = *std::move(normal);
  } else {
    identity.email = std::nullopt;
    identity.email_verified = false;
  }
}

}  // namespace

Task<Answer> Api::list_providers(Call&) {
  JsonWriter json;
  json.begin_object().key("providers").begin_array();
  for (const auto& offer : services_.external.offers()) {
    json.begin_object().field("name", offer.name).field("title", offer.title).end_object();
  }
  json.end_array().end_object();
  co_return json_response(200, std::move(json).take());
}

std::string Api::public_url(const Call& call) const {
  if (const std::string& configured = accounts_.options().public_url; !configured.empty()) return configured;
  // The Host header was checked to name this server.
  return fmt::format("{}://{}", authenticator_.options().secure_cookies ? "https" : "http",
                     call.request().header("host").value_or("localhost"));
}

std::string Api::callback_url(const Call& call) const {
  return fmt::format("{}{}/{}/callback", public_url(call), kHome, call.parameters[0]);
}

Task<Answer> Api::start_external(Call& call) {
  auto begun = co_await services_.external.start(
      {call.parameters[0], parameter(call.request(), "return_to"), callback_url(call), ""});
  if (!begun) co_return failed(begun.error(), call.parameters[0], reason(begun.error()));
  net::Response response = redirect(std::move(begun->location));
  response.headers.emplace_back("Set-Cookie", cookie(begun->cookie, 600, authenticator_.options().secure_cookies));
  co_return response;
}

Task<Answer> Api::finish_external(Call& call) {
  const net::Request& request = call.request();
  // Each costs a question to the provider: not without end for one visitor.
  std::vector<AttemptLimit> counted{{.subject = "external:" + policy::address_block(authenticator_.address_of(request)),
                                     .free = accounts_.options().attempts_of_address,
                                     .forgive = false}};
  net::Response response;
  if (const Status open = co_await services_.accounts.begin_attempt(counted); !open) {
    response = failed(open.error(), call.parameters[0], reason(open.error()));
  } else {
    auto done = co_await services_.external.finish(call.parameters[0],
                                                   {parameter(request, "code"), parameter(request, "state"),
                                                    parameter(request, "error"), parameter(request, "iss")},
                                                   request.cookie(kCookie).value_or(""), call.exchange.stop());
    if (!done) {
      response = failed(done.error(), call.parameters[0], reason(done.error()));
    } else {
      (void)co_await services_.accounts.end_attempt(counted);
      keep_normal_address(done->identity);
      response = done->user_id.empty() ? co_await enter(call, *std::move(done)) : co_await link(call, *std::move(done));
    }
  }
  response.headers.emplace_back("Set-Cookie", cookie("", 0, authenticator_.options().secure_cookies));
  co_return response;
}

// Whoever the provider says it is, signed in.
Task<net::Response> Api::enter(Call& call, oidc::Finished done) {
  const std::string& provider = call.parameters[0];
  const bool may_create = accounts_.options().registration == Registration::open;
  const auto user = co_await services_.accounts.find_or_link(std::move(done.identity), may_create);
  if (!user) {
    const bool none = user.error().code == Code::permission_denied;
    co_return failed(user.error(), provider, none ? "no_account" : reason(user.error()));
  }
  auto who = co_await services_.accounts.get(user->id);
  if (!who) co_return failed(who.error(), provider, "failed");
  const auto proof = co_await accounts_.proved(*std::move(who));
  if (!proof) co_return failed(proof.error(), provider, reason(proof.error()));
  // In the fragment, which goes to no server and into no log.
  if (!proof->ticket.empty()) co_return redirect("/sign-in#ticket=" + proof->ticket);
  const auto signed_in = co_await authenticator_.open(call.request(), user->id, "");
  if (!signed_in) co_return failed(signed_in.error(), provider, "no_account");
  accounts_.tell_of_new_device(signed_in->session);
  net::Response response = redirect(std::move(done.return_to));
  response.headers.emplace_back("Set-Cookie", signed_in->set_cookie);
  co_return response;
}

// Linked with the account that asked for it: the sealed cookie says which.
Task<net::Response> Api::link(Call& call, oidc::Finished done) {
  const auto who = co_await services_.accounts.get(done.user_id);
  Status linked = who ? Status(Ok{}) : Status(who.error());
  if (who && who->account.disabled_at) linked = make_error(Code::permission_denied, "This account is disabled.");
  if (linked) linked = co_await services_.identity_links.link(who->principal, std::move(done.identity));
  if (!linked) co_return failed(linked.error(), call.parameters[0], reason(linked.error()));
  co_return redirect(std::move(done.return_to));
}

Task<Answer> Api::list_identities(Call& call) {
  LB_CO_TRY(links, co_await services_.identity_links.list(call.caller.principal));
  JsonWriter json;
  json.begin_object().key("identities").begin_array();
  for (const IdentityLink& one : links) {
    json.begin_object().field("id", one.id).field("issuer", one.issuer);
    json.field("created_at", to_rfc3339(one.created_at)).end_object();
  }
  json.end_array().end_object();
  co_return json_response(200, std::move(json).take());
}

// The first half of linking. Not a GET: only a page of ours, with its CSRF token, can set it going, so that nobody's
// account is linked with somebody else's identity behind their back.
Task<Answer> Api::link_identity(Call& call) {
  if (call.caller.by != Caller::By::cookie) {
    co_return make_error(Code::failed_precondition, "Accounts are linked in a browser that is signed in.");
  }
  LB_CO_TRY(begun, co_await services_.external.start({call.parameters[0], parameter(call.request(), "return_to"),
                                                      callback_url(call), call.caller.principal.user_id}));
  JsonWriter json;
  json.begin_object().field("location", begun.location).end_object();
  net::Response response = json_response(200, std::move(json).take());
  response.headers.emplace_back("Set-Cookie", cookie(begun.cookie, 600, authenticator_.options().secure_cookies));
  co_return response;
}

Task<Answer> Api::unlink_identity(Call& call) {
  LB_CO_CHECK(co_await services_.identity_links.unlink(call.caller.principal, call.parameters[0]));
  co_return net::Response{204, {{"Cache-Control", "no-store"}}, {}, {}};
}

}  // namespace librebird::gateway
