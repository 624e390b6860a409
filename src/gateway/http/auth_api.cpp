// Signing in and signing up: the routes that need no credential, and the one that renews a token.
#include <librebird/gateway/body.hpp>

#include "api.hpp"

namespace librebird::gateway {
namespace {

constexpr std::size_t kEmailLimit = 320;
constexpr std::size_t kPasswordLimit = 1024;
constexpr std::size_t kTokenLimit = 256;
constexpr int kTicketSeconds = 300;

net::Response nothing(int status = 204) { return {status, {{"Cache-Control", "no-store"}}, {}, {}}; }

net::Response ticket_response(const std::string& ticket) {
  JsonWriter json;
  json.begin_object().field("second_factor_required", true).field("ticket", ticket);
  json.field("expires_in", kTicketSeconds).end_object();
  return json_response(202, std::move(json).take());
}

Error no_tokens() {
  return make_error(Code::failed_precondition, "This server makes no access tokens: it has no key to sign them with.");
}

}  // namespace

Task<Answer> Api::answer_signed_in(Authenticator::SignedIn signed_in) {
  accounts_.tell_of_new_device(signed_in.session);
  LB_CO_TRY(view, co_await me_view(signed_in.caller));
  net::Response response = json_response(200, std::move(view));
  response.headers.emplace_back("Set-Cookie", signed_in.set_cookie);
  co_return response;
}

// The end of every first factor in a browser.
Task<Answer> Api::answer_proof(Call& call, Proof proof) {
  if (!proof.ticket.empty()) co_return ticket_response(proof.ticket);
  LB_CO_TRY(signed_in, co_await authenticator_.open(call.request(), proof.who.account.user.id, ""));
  co_return co_await answer_signed_in(std::move(signed_in));
}

Task<Answer> Api::sign_in(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(token, body.text("token", kTokenLimit));
  LB_CO_CHECK(body.done());
  auto signed_in = co_await authenticator_.sign_in(call.request(), token);
  if (signed_in) co_return co_await answer_signed_in(*std::move(signed_in));
  if (signed_in.error().code != Code::unauthenticated) co_return signed_in.error();
  // No operator's link: one that was mailed?
  auto proof = co_await accounts_.by_mailed_link(std::move(token));
  if (!proof) co_return proof.error().code == Code::unauthenticated ? signed_in.error() : proof.error();
  co_return co_await answer_proof(call, *std::move(proof));
}

Task<Answer> Api::sign_in_with_password(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(email, body.text("email", kEmailLimit));
  LB_CO_TRY(password, body.text("password", kPasswordLimit));
  LB_CO_CHECK(body.done());
  // A page of another origin must not sign the browser in as somebody else.
  LB_CO_CHECK(authenticator_.check_origin(call.request(), false));
  LB_CO_TRY(proof, co_await accounts_.by_password(authenticator_.address_of(call.request()), std::move(email),
                                                  std::move(password)));
  co_return co_await answer_proof(call, std::move(proof));
}

Task<Answer> Api::sign_in_second_factor(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(ticket, body.text("ticket", kTokenLimit));
  LB_CO_TRY(code, body.text("code", kTokenLimit));
  LB_CO_CHECK(body.done());
  LB_CO_CHECK(authenticator_.check_origin(call.request(), false));
  LB_CO_TRY(who, co_await accounts_.by_second_factor(authenticator_.address_of(call.request()), std::move(ticket),
                                                     std::move(code)));
  LB_CO_TRY(signed_in, co_await authenticator_.open(call.request(), who.account.user.id, ""));
  co_return co_await answer_signed_in(std::move(signed_in));
}

Task<Answer> Api::answer_token(Session session) {
  LB_CO_TRY(token, co_await accounts_.access_token(session, authenticator_.options().token_key));
  const std::int64_t left = (session.expires_at - services_.clock.unix_now()) / 1000;
  JsonWriter json;
  json.begin_object().field("access_token", token).field("token_type", "Bearer");
  json.field("expires_in", std::min(kTokenSeconds, left)).field("session_id", session.id).end_object();
  co_return json_response(200, std::move(json).take());
}

// One call for clients that can ask for everything at once, two for those that cannot.
Task<Answer> Api::make_token(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(ticket, body.optional_text("ticket", kTokenLimit));
  LB_CO_TRY(code, body.optional_text("code", kTokenLimit));
  std::string email;
  std::string password;
  if (!ticket) {
    LB_CO_TRY(given_email, body.text("email", kEmailLimit));
    LB_CO_TRY(given_password, body.text("password", kPasswordLimit));
    email = std::move(given_email);
    password = std::move(given_password);
  }
  LB_CO_CHECK(body.done());
  if (authenticator_.options().token_key.empty()) co_return no_tokens();
  const std::string address = authenticator_.address_of(call.request());
  std::string user_id;
  if (!ticket) {
    LB_CO_TRY(proof, co_await accounts_.by_password(address, std::move(email), std::move(password)));
    user_id = proof.who.account.user.id;
    if (!proof.ticket.empty()) ticket = std::move(proof.ticket);
    if (ticket && !code) co_return ticket_response(*ticket);
  }
  if (ticket) {
    LB_CO_TRY(who, co_await accounts_.by_second_factor(address, *std::move(ticket), code.value_or("")));
    user_id = who.account.user.id;
  }
  LB_CO_TRY(session, co_await authenticator_.open_token_session(call.request(), std::move(user_id)));
  accounts_.tell_of_new_device(session);
  co_return co_await answer_token(std::move(session));
}

Task<Answer> Api::refresh_token(Call& call) {
  if (call.caller.by != Caller::By::token) {
    co_return make_error(Code::failed_precondition,
                         "Only an access token is renewed here: POST /api/v1/auth/token makes one.");
  }
  LB_CO_TRY(session, co_await services_.credentials.find_token_session(call.caller.credential_hash, "",
                                                                       authenticator_.options().session_idle));
  co_return co_await answer_token(std::move(session));
}

Task<Answer> Api::sign_up(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(email, body.text("email", kEmailLimit));
  LB_CO_TRY(password, body.text("password", kPasswordLimit));
  LB_CO_TRY(name, body.text("display_name", 100));
  LB_CO_TRY(invitation, body.optional_text("invitation", kTokenLimit));
  LB_CO_CHECK(body.done());
  LB_CO_TRY(ready, co_await accounts_.sign_up(authenticator_.address_of(call.request()), std::move(email),
                                              std::move(password), std::move(name), invitation.value_or("")));
  co_return json_response(ready ? 201 : 202, ready ? R"({"status":"ready"})" : R"({"status":"verify_email"})");
}

Task<Answer> Api::mail_to(Call& call, TokenPurpose purpose) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(email, body.text("email", kEmailLimit));
  LB_CO_CHECK(body.done());
  LB_CO_CHECK(co_await accounts_.mail_link(authenticator_.address_of(call.request()), std::move(email), purpose));
  co_return nothing(202);
}

Task<Answer> Api::mail_sign_in_link(Call& call) { co_return co_await mail_to(call, TokenPurpose::sign_in); }
Task<Answer> Api::mail_reset_link(Call& call) { co_return co_await mail_to(call, TokenPurpose::reset_password); }

Task<Answer> Api::reset_password(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(token, body.text("token", kTokenLimit));
  LB_CO_TRY(password, body.text("password", kPasswordLimit));
  LB_CO_CHECK(body.done());
  LB_CO_CHECK(co_await accounts_.reset_password(std::move(token), std::move(password)));
  co_return nothing();
}

Task<Answer> Api::verify_email(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(token, body.text("token", kTokenLimit));
  LB_CO_CHECK(body.done());
  LB_CO_CHECK(co_await accounts_.verify_email(std::move(token)));
  co_return nothing();
}

Task<Answer> Api::sign_in_methods(Call&) {
  JsonWriter json;
  json.begin_object().field("password", true).field("mail_link", accounts_.sends_mail());
  json.field("registration", to_string(accounts_.options().registration)).end_object();
  co_return json_response(200, std::move(json).take());
}

}  // namespace librebird::gateway
