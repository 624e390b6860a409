#include "routes.hpp"

namespace librebird::gateway {
namespace {

using policy::Permission;

constexpr Route kRoutes[] = {
    {"POST", "/session", &Api::sign_in, Permission::sign_in},
    {"DELETE", "/session", &Api::sign_out, Permission::manage_account},
    {"GET", "/me", &Api::me, Permission::use_account},
    {"GET", "/api-keys", &Api::list_api_keys, Permission::manage_account},
    {"POST", "/api-keys", &Api::create_api_key, Permission::manage_account},
    {"DELETE", "/api-keys/{}", &Api::revoke_api_key, Permission::manage_account},
    {"GET", "/workspaces", &Api::list_workspaces, Permission::use_account},
    {"POST", "/workspaces", &Api::create_workspace, Permission::create_workspaces},
    {"GET", "/workspaces/{}", &Api::get_workspace, Permission::see_members},
    {"PATCH", "/workspaces/{}", &Api::rename_workspace, Permission::manage_workspace},
    {"DELETE", "/workspaces/{}", &Api::delete_workspace, Permission::own_workspace},
    {"POST", "/workspaces/{}/transfer", &Api::transfer_workspace, Permission::own_workspace},
    {"POST", "/workspaces/{}/leave", &Api::leave_workspace, Permission::use_account},
    {"GET", "/workspaces/{}/usage", &Api::workspace_usage, Permission::manage_members},
    {"PUT", "/workspaces/{}/limits", &Api::limit_workspace, Permission::manage_workspace},
    {"GET", "/workspaces/{}/retention", &Api::get_retention, Permission::see_members},
    {"PUT", "/workspaces/{}/retention", &Api::set_retention, Permission::manage_workspace},
    {"PUT", "/workspaces/{}/members/{}/limits", &Api::limit_member, Permission::manage_members},
    {"POST", "/me/export", &Api::export_me, Permission::manage_account},
    {"POST", "/me/import", &Api::import_me, Permission::manage_account, Takes::upload},
    {"DELETE", "/me", &Api::erase_me, Permission::manage_account},
    {"GET", "/me/usage", &Api::my_usage, Permission::use_account},
    {"GET", "/members", &Api::list_members, Permission::see_members},
    {"PATCH", "/members/{}", &Api::set_member_role, Permission::manage_members},
    {"DELETE", "/members/{}", &Api::remove_member, Permission::manage_members},
    {"GET", "/invitations", &Api::list_invitations, Permission::manage_members},
    {"POST", "/invitations", &Api::create_invitation, Permission::manage_members},
    {"DELETE", "/invitations/{}", &Api::revoke_invitation, Permission::manage_members},
    {"POST", "/invitations/look", &Api::look_at_invitation, Permission::sign_in},
    {"POST", "/invitations/accept", &Api::accept_invitation, Permission::use_account},
    {"POST", "/invitations/decline", &Api::decline_invitation, Permission::sign_in},
    {"GET", "/tools", &Api::list_tools, Permission::use_account},
    {"GET", "/skills", &Api::list_skills, Permission::see_skills},
    {"POST", "/skills", &Api::install_skill, Permission::manage_skills, Takes::archive},
    {"GET", "/skills/{}", &Api::get_skill, Permission::see_skills},
    {"PATCH", "/skills/{}", &Api::change_skill, Permission::manage_skills},
    {"DELETE", "/skills/{}", &Api::remove_skill, Permission::manage_skills},
    {"POST", "/skills/{}/update", &Api::update_skill, Permission::manage_skills, Takes::archive},
    {"POST", "/skills/{}/rollback", &Api::rollback_skill, Permission::manage_skills},
    {"PUT", "/skills/connection", &Api::finish_skill_connection, Permission::connect_skills},
    {"POST", "/skills/{}/connection", &Api::connect_skill, Permission::connect_skills},
    {"GET", "/skills/{}/connection", &Api::get_skill_connection, Permission::see_skills},
    {"DELETE", "/skills/{}/connection", &Api::disconnect_skill, Permission::connect_skills},
    {"PUT", "/skills/{}/settings/{}", &Api::set_skill_setting, Permission::manage_skills},
    {"DELETE", "/skills/{}/settings/{}", &Api::unset_skill_setting, Permission::manage_skills},
    {"GET", "/conversations", &Api::list_conversations, Permission::read_conversations},
    {"POST", "/conversations", &Api::create_conversation, Permission::chat},
    {"GET", "/conversations/{}", &Api::get_conversation, Permission::read_conversations},
    {"PATCH", "/conversations/{}", &Api::update_conversation, Permission::chat},
    {"DELETE", "/conversations/{}", &Api::delete_conversation, Permission::chat},
    {"PUT", "/conversations/{}/sharing", &Api::share_conversation, Permission::share_conversations},
    {"GET", "/conversations/{}/messages", &Api::list_messages, Permission::read_conversations},
    {"POST", "/conversations/{}/messages", &Api::send_message, Permission::chat},
    {"POST", "/messages/{}/edit", &Api::edit_message, Permission::chat},
    {"POST", "/messages/{}/regenerate", &Api::regenerate_message, Permission::chat},
    {"GET", "/conversations/{}/tool-policy", &Api::get_tool_policy, Permission::read_conversations},
    {"PUT", "/conversations/{}/tool-policy", &Api::set_tool_policy, Permission::chat},
    {"GET", "/tool-policy", &Api::get_tool_policy, Permission::read_conversations},
    {"PUT", "/tool-policy", &Api::set_tool_policy, Permission::set_tool_mode},
    {"GET", "/approvals", &Api::list_approvals, Permission::read_conversations},
    {"POST", "/approvals/{}/decision", &Api::decide_approval, Permission::answer_approvals},
    {"GET", "/grants", &Api::list_grants, Permission::use_account},
    {"DELETE", "/grants/{}", &Api::revoke_grant, Permission::answer_approvals},
    {"GET", "/turns/{}", &Api::get_turn, Permission::read_conversations},
    {"POST", "/turns/{}/cancel", &Api::cancel_turn, Permission::chat},
    {"GET", "/turns/{}/events", &Api::turn_events, Permission::read_conversations},
    {"GET", "/auth/methods", &Api::sign_in_methods, Permission::sign_in},
    {"POST", "/auth/sign-in", &Api::sign_in_with_password, Permission::sign_in},
    {"POST", "/auth/second-factor", &Api::sign_in_second_factor, Permission::sign_in},
    {"POST", "/auth/token", &Api::make_token, Permission::sign_in},
    {"POST", "/auth/refresh", &Api::refresh_token, Permission::use_account},
    {"POST", "/auth/register", &Api::sign_up, Permission::sign_in},
    {"POST", "/auth/magic-link", &Api::mail_sign_in_link, Permission::sign_in},
    {"POST", "/auth/reset-password", &Api::mail_reset_link, Permission::sign_in},
    {"POST", "/auth/reset-password/confirm", &Api::reset_password, Permission::sign_in},
    {"POST", "/auth/verify-email", &Api::verify_email, Permission::sign_in},
    {"GET", "/auth/providers", &Api::list_providers, Permission::sign_in},
    {"GET", "/auth/oidc/{}/start", &Api::start_external, Permission::sign_in},
    {"GET", "/auth/oidc/{}/callback", &Api::finish_external, Permission::sign_in},
    {"GET", "/me/identities", &Api::list_identities, Permission::manage_account},
    {"POST", "/me/identities/{}", &Api::link_identity, Permission::manage_account},
    {"DELETE", "/me/identities/{}", &Api::unlink_identity, Permission::manage_account},
    {"GET", "/me/account", &Api::get_account, Permission::manage_account},
    {"PATCH", "/me/account", &Api::update_account, Permission::manage_account},
    {"POST", "/me/password", &Api::change_password, Permission::manage_account},
    {"POST", "/me/verify-email", &Api::mail_verification, Permission::manage_account},
    {"POST", "/me/second-factor", &Api::begin_second_factor, Permission::manage_account},
    {"POST", "/me/second-factor/confirm", &Api::confirm_second_factor, Permission::manage_account},
    {"POST", "/me/second-factor/recovery-codes", &Api::renew_recovery_codes, Permission::manage_account},
    {"POST", "/me/second-factor/remove", &Api::remove_second_factor, Permission::manage_account},
    {"GET", "/sessions", &Api::list_sessions, Permission::manage_account},
    {"DELETE", "/sessions", &Api::end_all_sessions, Permission::manage_account},
    {"DELETE", "/sessions/{}", &Api::end_session, Permission::manage_account},
};

std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

bool matches(std::string_view pattern, std::string_view path, std::vector<std::string>& parameters) {
  parameters.clear();
  while (!pattern.empty() && !path.empty()) {
    const std::string_view expected = next_segment(pattern);
    const std::string_view segment = next_segment(path);
    if (expected == "{}") {
      if (segment.empty()) return false;
      parameters.emplace_back(segment);
    } else if (expected != segment) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

Match match_route(std::string_view method, std::string_view path) {
  Match match;
  std::vector<std::string> parameters;
  if (!path.starts_with('/')) return match;
  for (const Route& route : kRoutes) {
    if (!matches(route.pattern, path, parameters)) continue;
    match.allowed.push_back(route.method);
    if (route.method == method || (method == "HEAD" && route.method == "GET")) {
      match.route = &route;
      match.parameters = parameters;
    }
  }
  return match;
}

}  // namespace librebird::gateway
