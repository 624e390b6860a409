#pragma once

// Port: secrets of a workspace (settings of skills, tokens of servers), sealed at rest under the master key.
//
// A secret is named by scope and name: "skill/weather" + "api_key". A scope that begins with "user/" is private to the
// principal's user; every other is shared by the workspace. Who may set what is the caller's to decide.
// Each change is a row of the audit log, written in the same transaction; the value is in no row, log or error.
// Thread rule: loop only. Errors: not_found, invalid_argument (empty or malformed name, value outside of
// kMinSecretBytes..kMaxSecretBytes, not UTF-8), resource_exhausted (the workspace holds too much), failed_precondition
// (no master key, or not the one the row was sealed under), data_loss (the row was tampered with).

#include <librebird/base/async/task.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/principal.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace librebird {

// Shorter ones cannot be kept out of what tools write without destroying it.
inline constexpr std::size_t kMinSecretBytes = 4;
inline constexpr std::size_t kMaxSecretBytes = 8 * 1024;
inline constexpr std::size_t kMaxSecretBytesOfWorkspace = 128 * 1024;

struct SecretInfo {
  std::string scope;
  std::string name;
  UnixMillis created_at = 0;
  UnixMillis updated_at = 0;
};

struct Secret {
  std::string scope;
  std::string name;
  std::string value;
};

// All secrets a principal can reach. Their memory is wiped when the last holder lets go.
class SecretSet {
 public:
  SecretSet() = default;
  explicit SecretSet(std::vector<Secret> secrets) : secrets(std::move(secrets)) {}
  ~SecretSet();
  SecretSet(const SecretSet&) = delete;
  SecretSet& operator=(const SecretSet&) = delete;

  std::vector<Secret> secrets;
};

class SecretStore {
 public:
  virtual ~SecretStore() = default;
  virtual Task<Status> put(Principal principal, std::string scope, std::string name, std::string value) = 0;
  virtual Task<Result<std::string>> get(Principal principal, std::string scope, std::string name) = 0;
  // Never values. Sorted by scope and name.
  virtual Task<Result<std::vector<SecretInfo>>> list(Principal principal) = 0;
  virtual Task<Status> remove(Principal principal, std::string scope, std::string name) = 0;
  // In one step, and only where the value still is `expected`: the new one, or none. False: it is not, whichever
  // process changed it.
  virtual Task<Result<bool>> replace(Principal principal, std::string scope, std::string name, std::string expected,
                                     std::optional<std::string> value) = 0;
  // All that the workspace has in `scope`, and everybody in it in "user/" + `scope`: for what they belong to is gone.
  virtual Task<Status> forget(Principal principal, std::string scope) = 0;
  // Changes whenever a secret of the workspace does, whichever process changed it. Cheap.
  virtual Task<Result<std::int64_t>> revision(Principal principal) = 0;
  // For redaction: all this principal's and its workspace's secrets.
  virtual Task<Result<std::shared_ptr<const SecretSet>>> reveal(Principal principal) = 0;
};

}  // namespace librebird
