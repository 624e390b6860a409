#include "routes.hpp"

namespace librebird::gateway {
namespace {

constexpr Route kRoutes[] = {
    {"POST", "/session", &Api::sign_in, true},
    {"DELETE", "/session", &Api::sign_out},
    {"GET", "/me", &Api::me},
    {"GET", "/api-keys", &Api::list_api_keys},
    {"POST", "/api-keys", &Api::create_api_key},
    {"DELETE", "/api-keys/{}", &Api::revoke_api_key},
    {"GET", "/tools", &Api::list_tools},
    {"GET", "/skills", &Api::list_skills},
    {"POST", "/skills", &Api::install_skill, false, true},
    {"GET", "/skills/{}", &Api::get_skill},
    {"PATCH", "/skills/{}", &Api::change_skill},
    {"DELETE", "/skills/{}", &Api::remove_skill},
    {"POST", "/skills/{}/update", &Api::update_skill, false, true},
    {"POST", "/skills/{}/rollback", &Api::rollback_skill},
    {"PUT", "/skills/{}/settings/{}", &Api::set_skill_setting},
    {"DELETE", "/skills/{}/settings/{}", &Api::unset_skill_setting},
    {"GET", "/conversations", &Api::list_conversations},
    {"POST", "/conversations", &Api::create_conversation},
    {"GET", "/conversations/{}", &Api::get_conversation},
    {"PATCH", "/conversations/{}", &Api::update_conversation},
    {"DELETE", "/conversations/{}", &Api::delete_conversation},
    {"GET", "/conversations/{}/messages", &Api::list_messages},
    {"POST", "/conversations/{}/messages", &Api::send_message},
    {"POST", "/messages/{}/edit", &Api::edit_message},
    {"POST", "/messages/{}/regenerate", &Api::regenerate_message},
    {"GET", "/conversations/{}/tool-policy", &Api::get_tool_policy},
    {"PUT", "/conversations/{}/tool-policy", &Api::set_tool_policy},
    {"GET", "/tool-policy", &Api::get_tool_policy},
    {"PUT", "/tool-policy", &Api::set_tool_policy},
    {"GET", "/approvals", &Api::list_approvals},
    {"POST", "/approvals/{}/decision", &Api::decide_approval},
    {"GET", "/grants", &Api::list_grants},
    {"DELETE", "/grants/{}", &Api::revoke_grant},
    {"GET", "/turns/{}", &Api::get_turn},
    {"POST", "/turns/{}/cancel", &Api::cancel_turn},
    {"GET", "/turns/{}/events", &Api::turn_events},
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
