// Workspaces, their members, and invitations.
#include <librebird/core/credentials/invite.hpp>
#include <librebird/gateway/body.hpp>
#include <librebird/gateway/member_events.hpp>
#include <librebird/gateway/views.hpp>

#include <fmt/format.h>

#include "api.hpp"

namespace librebird::gateway {
namespace {

constexpr std::size_t kNameLimit = 100;
constexpr std::size_t kIdLimit = 128;
constexpr std::size_t kTokenLimit = 256;

Result<Role> read_role(Body& body) {
  LB_TRY(name, body.text("role", 16));
  const auto role = role_from_string(name);
  if (!role) return make_error(Code::invalid_argument, "`role` must be \"guest\", \"member\" or \"admin\".");
  return *role;
}

template <class T>
net::Response items_response(const std::vector<T>& items) {
  JsonWriter json;
  json.begin_object();
  write_items(json, items);
  json.end_object();
  return json_response(200, std::move(json).take());
}

Result<std::string> read_token_hash(Call& call) {
  LB_TRY(body, Body::parse(call.request().body));
  LB_TRY(token, body.text("token", kTokenLimit));
  LB_CHECK(body.done());
  return sha256_hex(token);
}

}  // namespace

Status names_this_workspace(const Call& call) {
  if (call.parameters[0] == call.caller.principal.workspace_id) return Ok{};
  return make_error(Code::not_found,
                    "This request does not act in a workspace with this id: name it in the header "
                    "Librebird-Workspace, with a credential that is good there.");
}

Task<Answer> Api::list_workspaces(Call& call) {
  LB_CO_TRY(mine, co_await services_.workspaces.list(call.caller.principal));
  co_return items_response(mine);
}

Task<Answer> Api::create_workspace(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(name, body.text("name", kNameLimit));
  LB_CO_CHECK(body.done());
  LB_CO_TRY(made, co_await services_.workspaces.create(call.caller.principal, std::move(name)));
  co_return json_response(201, view(made));
}

Task<Answer> Api::get_workspace(Call& call) {
  LB_CO_CHECK(names_this_workspace(call));
  LB_CO_TRY(workspace, co_await services_.workspaces.get(call.caller.principal));
  co_return json_response(200, view(workspace));
}

Task<Answer> Api::rename_workspace(Call& call) {
  LB_CO_CHECK(names_this_workspace(call));
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(name, body.text("name", kNameLimit));
  LB_CO_CHECK(body.done());
  LB_CO_TRY(workspace, co_await services_.workspaces.rename(call.caller.principal, std::move(name)));
  co_return json_response(200, view(workspace));
}

Task<Answer> Api::delete_workspace(Call& call) {
  LB_CO_CHECK(names_this_workspace(call));
  const Principal principal = call.caller.principal;
  LB_CO_CHECK(co_await services_.workspaces.remove(principal));
  publish(services_.bus, {principal.workspace_id, "", true});
  co_return net::Response{204, {}, {}, {}};
}

Task<Answer> Api::transfer_workspace(Call& call) {
  LB_CO_CHECK(names_this_workspace(call));
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(user_id, body.text("user_id", kIdLimit));
  LB_CO_CHECK(body.done());
  const Principal principal = call.caller.principal;
  LB_CO_CHECK(co_await services_.workspaces.transfer(principal, user_id));
  publish(services_.bus, {principal.workspace_id, user_id, false});
  publish(services_.bus, {principal.workspace_id, principal.user_id, false});
  LB_CO_TRY(workspace, co_await services_.workspaces.get(principal));
  co_return json_response(200, view(workspace));
}

Task<Answer> Api::leave_workspace(Call& call) {
  LB_CO_CHECK(names_this_workspace(call));
  const Principal principal = call.caller.principal;
  LB_CO_TRY(change, co_await services_.workspaces.leave(principal));
  tell(principal.workspace_id, principal.user_id, change);
  co_return net::Response{204, {}, {}, {}};
}

Task<Answer> Api::list_members(Call& call) {
  LB_CO_TRY(members, co_await services_.workspaces.list_members(call.caller.principal));
  if (!policy::allows(call.caller.principal.role, policy::Permission::manage_members)) {
    // Addresses are for those who invite people.
    for (Member& member : members) member.email.reset();
  }
  co_return items_response(members);
}

Task<Answer> Api::set_member_role(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(role, read_role(body));
  LB_CO_CHECK(body.done());
  const Principal principal = call.caller.principal;
  LB_CO_TRY(change, co_await services_.workspaces.set_role(principal, call.parameters[0], role));
  tell(principal.workspace_id, call.parameters[0], change);
  co_return json_response(200, view(*change.member));
}

Task<Answer> Api::remove_member(Call& call) {
  const Principal principal = call.caller.principal;
  LB_CO_TRY(change, co_await services_.workspaces.remove_member(principal, call.parameters[0]));
  tell(principal.workspace_id, call.parameters[0], change);
  co_return net::Response{204, {}, {}, {}};
}

void Api::tell(const std::string& workspace_id, const std::string& user_id, const MemberChange& change) {
  for (const Turn& turn : change.ended) intake_.tell_cancelled(turn);
  publish(services_.bus, {workspace_id, user_id, change.fewer_rights});
}

Task<Answer> Api::list_invitations(Call& call) {
  LB_CO_TRY(open, co_await services_.invitations.list(call.caller.principal));
  co_return items_response(open);
}

Task<Answer> Api::create_invitation(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  Role role = Role::member;
  if (body.has("role")) {
    LB_CO_TRY(wanted, read_role(body));
    role = wanted;
  }
  LB_CO_TRY(email, body.optional_text("email", 254));
  LB_CO_CHECK(body.done());
  LB_CO_TRY(made, co_await issue_invitation(services_.invitations, services_.clock, services_.random,
                                            call.caller.principal, role, std::move(email)));
  // The link is in the answer too, so an invitation that is not mailed is not lost.
  const bool mailed = made.invitation.email && accounts_.sends_mail() &&
                      (co_await accounts_.mail_invitation(call.caller.principal, made.invitation, made.token)).ok();
  JsonWriter json;
  json.begin_object().key("invitation");
  write(json, made.invitation);
  json.field("mailed", mailed).field("token", made.token).field("path", invitation_link("", made.token)).end_object();
  co_return json_response(201, std::move(json).take());
}

Task<Answer> Api::revoke_invitation(Call& call) {
  LB_CO_CHECK(co_await services_.invitations.revoke(call.caller.principal, call.parameters[0]));
  co_return net::Response{204, {}, {}, {}};
}

Task<Answer> Api::look_at_invitation(Call& call) {
  LB_CO_TRY(hash, read_token_hash(call));
  LB_CO_TRY(invitation, co_await services_.invitations.find(std::move(hash)));
  co_return json_response(200, view(invitation));
}

Task<Answer> Api::accept_invitation(Call& call) {
  LB_CO_TRY(hash, read_token_hash(call));
  LB_CO_TRY(joined, co_await services_.invitations.accept(std::move(hash), call.caller.principal.user_id));
  co_return json_response(200, view(joined));
}

Task<Answer> Api::decline_invitation(Call& call) {
  LB_CO_TRY(hash, read_token_hash(call));
  LB_CO_CHECK(co_await services_.invitations.decline(std::move(hash)));
  co_return net::Response{204, {}, {}, {}};
}

}  // namespace librebird::gateway
