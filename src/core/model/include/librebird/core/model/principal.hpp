#pragma once

// Who acts, and in which workspace. Made only by the gateway's authentication (or by an operator command on the
// machine itself); everything below receives it and filters by it. A value; no thread rule.

#include <librebird/core/model/scope.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace librebird {

enum class Role { guest, member, admin, owner };  // each may do all that the ones before it may

[[nodiscard]] std::string_view to_string(Role role);
[[nodiscard]] std::optional<Role> role_from_string(std::string_view name);

struct Principal {
  std::string user_id;
  std::string workspace_id;
  Role role = Role::guest;
  std::string credential_id;  // the session or API key used; for audit and revocation
  ScopeSet scopes = ScopeSet::all();  // less for an API key

  friend bool operator==(const Principal&, const Principal&) = default;
};

}  // namespace librebird
