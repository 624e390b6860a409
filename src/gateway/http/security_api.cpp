// My account: profile, password, second factor, where I am signed in.
#include <librebird/gateway/body.hpp>
#include <librebird/gateway/views.hpp>

#include "api.hpp"

namespace librebird::gateway {
namespace {

constexpr std::size_t kEmailLimit = 320;
constexpr std::size_t kPasswordLimit = 1024;
constexpr std::size_t kCodeLimit = 64;

net::Response nothing(int status = 204) { return {status, {{"Cache-Control", "no-store"}}, {}, {}}; }

net::Response codes_response(const std::vector<std::string>& codes) {
  JsonWriter json;
  json.begin_object().key("recovery_codes").begin_array();
  for (const std::string& code : codes) json.value(code);
  json.end_array().end_object();
  return json_response(200, std::move(json).take());
}

Result<std::string> code_of(const Call& call) {
  LB_TRY(body, Body::parse(call.request().body));
  LB_TRY(code, body.text("code", kCodeLimit));
  LB_CHECK(body.done());
  return code;
}

}  // namespace

Task<Answer> Api::get_account(Call& call) {
  LB_CO_TRY(account, co_await accounts_.account(call.caller.principal));
  co_return json_response(200, view(account));
}

Task<Answer> Api::update_account(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(name, body.optional_text("display_name", 100));
  LB_CO_TRY(email, body.optional_text("email", kEmailLimit));
  LB_CO_TRY(current, body.optional_text("current_password", kPasswordLimit));
  LB_CO_CHECK(body.done());
  if (name && name->empty()) co_return make_error(Code::invalid_argument, "`display_name` must not be empty.");
  if (email) {
    LB_CO_CHECK(co_await accounts_.change_email(call.caller.principal, current.value_or(""), *std::move(email)));
  }
  if (name) LB_CO_CHECK(co_await services_.accounts.set_display_name(call.caller.principal, *std::move(name)));
  co_return co_await get_account(call);
}

Task<Answer> Api::change_password(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(current, body.optional_text("current_password", kPasswordLimit));
  LB_CO_TRY(password, body.text("password", kPasswordLimit));
  LB_CO_CHECK(body.done());
  const Principal& principal = call.caller.principal;
  LB_CO_CHECK(co_await accounts_.change_password(principal, current.value_or(""), std::move(password)));
  sessions_.revoke_user(principal.user_id, principal.credential_id);
  // A token names the epoch it was made in: its holder gets the next one.
  if (call.caller.by != Caller::By::token) co_return nothing();
  LB_CO_TRY(session, co_await services_.credentials.find_token_session(call.caller.credential_hash, "",
                                                                       authenticator_.options().session_idle));
  co_return co_await answer_token(std::move(session));
}

Task<Answer> Api::mail_verification(Call& call) {
  LB_CO_CHECK(co_await accounts_.mail_verification(call.caller.principal));
  co_return nothing(202);
}

Task<Answer> Api::begin_second_factor(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body.empty() ? "{}" : call.request().body));
  LB_CO_TRY(current, body.optional_text("current_password", kPasswordLimit));
  LB_CO_CHECK(body.done());
  LB_CO_TRY(setup, co_await accounts_.begin_second_factor(call.caller.principal, current.value_or("")));
  JsonWriter json;
  json.begin_object().field("secret", setup.secret).field("uri", setup.uri).end_object();
  co_return json_response(200, std::move(json).take());
}

Task<Answer> Api::confirm_second_factor(Call& call) {
  LB_CO_TRY(code, code_of(call));
  LB_CO_TRY(codes, co_await accounts_.confirm_second_factor(call.caller.principal, std::move(code)));
  co_return codes_response(codes);
}

Task<Answer> Api::renew_recovery_codes(Call& call) {
  LB_CO_TRY(code, code_of(call));
  LB_CO_TRY(codes, co_await accounts_.renew_recovery_codes(call.caller.principal, std::move(code)));
  co_return codes_response(codes);
}

Task<Answer> Api::remove_second_factor(Call& call) {
  LB_CO_TRY(code, code_of(call));
  LB_CO_CHECK(co_await accounts_.remove_second_factor(call.caller.principal, std::move(code)));
  co_return nothing();
}

Task<Answer> Api::list_sessions(Call& call) {
  LB_CO_TRY(sessions,
            co_await services_.credentials.list_sessions(call.caller.principal, authenticator_.options().session_idle));
  JsonWriter json;
  json.begin_object().key("items").begin_array();
  for (const Session& session : sessions) write(json, session, session.id == call.caller.principal.credential_id);
  json.end_array().end_object();
  co_return json_response(200, std::move(json).take());
}

Task<Answer> Api::end_session(Call& call) {
  LB_CO_CHECK(co_await services_.credentials.delete_session(call.caller.principal, call.parameters[0]));
  sessions_.revoke(call.parameters[0]);
  co_return nothing();
}

Task<Answer> Api::end_all_sessions(Call& call) {
  LB_CO_CHECK(co_await services_.credentials.end_sessions(call.caller.principal, ""));
  sessions_.revoke_user(call.caller.principal.user_id, "");
  co_return nothing();
}

}  // namespace librebird::gateway
