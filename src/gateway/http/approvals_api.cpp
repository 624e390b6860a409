// People's say in tool calls: questions, standing answers, modes.
#include <librebird/gateway/body.hpp>
#include <librebird/gateway/views.hpp>

#include "api.hpp"

namespace librebird::gateway {
namespace {

// `{"mode": "ask"}`; null: as if none had been set.
Result<std::optional<ApprovalMode>> read_mode(Body& body) {
  constexpr std::string_view kHint = "`mode` must be \"read_only\", \"ask\", \"auto\" or null.";
  if (!body.has("mode")) return make_error(Code::invalid_argument, std::string(kHint));
  LB_TRY(text, body.optional_json("mode"));
  if (!text) return std::optional<ApprovalMode>();
  std::string_view name = *text;
  if (name.size() < 2 || name.front() != '"') return make_error(Code::invalid_argument, std::string(kHint));
  const auto mode = approval_mode_from_string(name.substr(1, name.size() - 2));
  if (!mode) return make_error(Code::invalid_argument, std::string(kHint));
  return mode;
}

}  // namespace

Task<Answer> Api::list_approvals(Call& call) {
  LB_CO_TRY(limit, query_integer(call.request(), "limit", 50, 1, 200));
  const std::string state = call.request().query_value("state").value_or("open");
  if (state != "open" && state != "all") {
    co_return make_error(Code::invalid_argument, "`state` must be open or all.");
  }
  LB_CO_TRY(approvals, co_await services_.hands.list_approvals(call.caller.principal, state == "open", limit));
  JsonWriter json;
  json.begin_object();
  write_items(json, approvals);
  json.end_object();
  co_return json_response(200, std::move(json).take());
}

Task<Answer> Api::decide_approval(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(text, body.text("decision", 16));
  LB_CO_CHECK(body.done());
  const auto decision = approval_decision_from_string(text);
  if (!decision) {
    co_return make_error(Code::invalid_argument, "`decision` must be \"once\", \"always\" or \"deny\".");
  }
  LB_CO_TRY(approval, co_await services_.hands.decide(call.caller.principal, call.parameters[0], *decision));
  co_return json_response(200, view(approval));
}

Task<Answer> Api::get_tool_policy(Call& call) {
  const std::string conversation = call.parameters.empty() ? "" : call.parameters[0];
  LB_CO_TRY(mode, co_await services_.hands.get_mode(call.caller.principal, conversation));
  co_return json_response(200, view(mode));
}

Task<Answer> Api::set_tool_policy(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(wanted, read_mode(body));
  LB_CO_CHECK(body.done());
  const std::string conversation = call.parameters.empty() ? "" : call.parameters[0];
  LB_CO_TRY(mode, co_await services_.hands.set_mode(call.caller.principal, conversation, wanted));
  co_return json_response(200, view(mode));
}

Task<Answer> Api::list_grants(Call& call) {
  LB_CO_TRY(grants, co_await services_.hands.list_grants(call.caller.principal));
  JsonWriter json;
  json.begin_object();
  write_items(json, grants);
  json.end_object();
  co_return json_response(200, std::move(json).take());
}

Task<Answer> Api::revoke_grant(Call& call) {
  LB_CO_CHECK(co_await services_.hands.revoke_grant(call.caller.principal, call.parameters[0]));
  co_return net::Response{204, {}, {}, {}};
}

}  // namespace librebird::gateway
