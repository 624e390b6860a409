#pragma once

// People, their workspaces, and the credentials they come with. Secrets are never here: only their hashes are stored.

#include <librebird/base/clock.hpp>
#include <librebird/core/model/principal.hpp>

#include <optional>
#include <string>

namespace librebird {

struct User {
  std::string id;
  std::optional<std::string> email;
  std::string display_name;
  UnixMillis created_at = 0;
};

struct Workspace {
  std::string id;
  std::string name;
  std::string owner_id;
  UnixMillis created_at = 0;
};

struct ApiKey {
  std::string id;
  std::string name;
  std::string prefix;  // first characters of the secret, to recognise it by
  UnixMillis created_at = 0;
  std::optional<UnixMillis> last_used_at;
};

// A browser's signed-in session.
struct Session {
  std::string id;
  Principal principal;
  UnixMillis expires_at = 0;
};

}  // namespace librebird
