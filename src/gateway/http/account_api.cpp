// Who I am, my keys, my tools.
#include <librebird/gateway/body.hpp>
#include <librebird/gateway/views.hpp>

#include "api.hpp"

namespace librebird::gateway {

net::Response json_response(int status, std::string body) {
  return {status, {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}}, std::move(body), {}};
}

Api::Api(const GatewayServices& services, Authenticator& authenticator, Accounts& accounts, Intake& intake,
         TurnHub& hub, ListEvents& list_events, SessionRegistry& sessions, const GatewayOptions& options)
    : services_(services),
      authenticator_(authenticator),
      accounts_(accounts),
      intake_(intake),
      hub_(hub),
      list_events_(list_events),
      sessions_(sessions),
      options_(options) {}

Task<Answer> Api::sign_out(Call& call) {
  LB_CO_TRY(cookie, co_await authenticator_.sign_out(call.caller));
  sessions_.revoke(call.caller.principal.credential_id);
  co_return net::Response{204, {{"Set-Cookie", cookie}, {"Cache-Control", "no-store"}}, {}, {}};
}

Task<Answer> Api::me(Call& call) {
  LB_CO_TRY(view, co_await me_view(call.caller));
  co_return json_response(200, std::move(view));
}

Task<Result<std::string>> Api::me_view(Caller caller) {
  LB_CO_TRY(user, co_await services_.identities.get_user(caller.principal));
  LB_CO_TRY(workspace, co_await services_.identities.get_workspace(caller.principal));
  const auto model = co_await services_.brain.default_model();
  JsonWriter json;
  json.begin_object().key("user").begin_object();
  json.field("id", user.id).field("display_name", user.display_name).field("email", user.email).end_object();
  json.key("workspace").begin_object().field("id", workspace.id).field("name", workspace.name);
  json.field("role", to_string(caller.principal.role)).end_object();
  if (caller.by == Caller::By::cookie) json.field("csrf_token", caller.csrf_token);
  json.key("server").begin_object().field("version", options_.version).key("model").begin_object();
  if (model) {
    json.field("provider", model->provider).field("name", model->name).field("demo", model->demo);
    json.field("label", model->demo ? "Demo \u2013 not a real model" : model->provider + "/" + model->name);
    json.field("hint", model->demo ? "This is an offline stand-in. To connect a real model, start Libre Bird with: " +
                                         options_.connect_hint
                                   : std::string());
  } else {
    json.field("provider", "").field("name", "").field("demo", false).field("label", "No model");
    json.field("hint", model.error().message);
  }
  json.end_object().end_object().end_object();
  co_return std::move(json).take();
}

Task<Answer> Api::list_api_keys(Call& call) {
  LB_CO_TRY(keys, co_await services_.credentials.list_api_keys(call.caller.principal));
  JsonWriter json;
  json.begin_object();
  write_items(json, keys);
  json.end_object();
  co_return json_response(200, std::move(json).take());
}

Task<Answer> Api::create_api_key(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(name, body.text("name", 100));
  LB_CO_TRY(scopes, body.texts("scopes", 10, 40));
  LB_CO_TRY(days, body.optional_integer("expires_in_days", 1, 3650));
  LB_CO_TRY(cidrs, body.texts("cidrs", 20, 64));
  const bool asked = body.has("scopes");
  LB_CO_CHECK(body.done());
  if (!asked) {
    for (const KeyScope scope : api_key_scopes()) scopes.emplace_back(to_string(scope));
  }
  LB_CO_TRY(key,
            api_key_request(std::move(name), scopes, days.value_or(0), std::move(cidrs), services_.clock.unix_now()));
  LB_CO_TRY(made,
            co_await issue_api_key(services_.credentials, services_.random, call.caller.principal, std::move(key)));
  JsonWriter json;
  json.begin_object().key("api_key");
  write(json, made.key);
  json.field("secret", made.secret).end_object();
  co_return json_response(201, std::move(json).take());
}

Task<Answer> Api::revoke_api_key(Call& call) {
  LB_CO_CHECK(co_await services_.credentials.revoke_api_key(call.caller.principal, call.parameters[0]));
  sessions_.revoke(call.parameters[0]);
  co_return net::Response{204, {}, {}, {}};
}

Task<Answer> Api::list_tools(Call& call) {
  LB_CO_TRY(tools, co_await services_.hands.list_tools(call.caller.principal, std::nullopt));
  JsonWriter json;
  json.begin_object();
  write_items(json, tools);
  json.end_object();
  co_return json_response(200, std::move(json).take());
}

}  // namespace librebird::gateway
