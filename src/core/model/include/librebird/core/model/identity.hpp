#pragma once

// People, their workspaces, and the credentials they come with. Secrets are never here: only their hashes are stored.

#include <librebird/base/clock.hpp>
#include <librebird/core/model/principal.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace librebird {

struct User {
  std::string id;
  std::optional<std::string> email;
  std::string display_name;
  UnixMillis created_at = 0;
};

// How a person signs in. Everything but the secrets themselves.
struct Account {
  User user;
  std::optional<UnixMillis> email_verified_at;
  std::optional<UnixMillis> disabled_at;
  bool has_password = false;
  bool second_factor = false;  // asked for at every sign-in
  int recovery_codes = 0;      // not used yet
  std::int64_t epoch = 0;      // grows when all that was signed in before is to end
};

struct Workspace {
  std::string id;
  std::string name;
  std::string owner_id;
  UnixMillis created_at = 0;
};

// In which workspace somebody is what.
struct WorkspaceRole {
  std::string workspace_id;
  Role role = Role::guest;
};

struct ApiKey {
  std::string id;
  std::string name;
  std::string prefix;  // first characters of the secret, to recognise it by
  UnixMillis created_at = 0;
  std::optional<UnixMillis> last_used_at;
  ScopeSet scopes;
  std::optional<UnixMillis> expires_at;
  std::vector<std::string> cidrs;  // addresses it may come from; empty: any
};

enum class SessionKind { browser, token };

[[nodiscard]] std::string_view to_string(SessionKind kind);

// Somebody who is signed in: a browser with a cookie, or a client with a token.
struct Session {
  std::string id;
  Principal principal;
  UnixMillis expires_at = 0;  // whatever its use
  SessionKind kind = SessionKind::browser;
  UnixMillis created_at = 0;
  UnixMillis last_used_at = 0;
  std::string address;     // of the sign-in
  std::string user_agent;
  std::int64_t epoch = 0;  // of the account, when it was opened
  // Only told of a session just opened: the account has others, none of them with this browser from this network.
  bool new_device = false;
};

}  // namespace librebird
