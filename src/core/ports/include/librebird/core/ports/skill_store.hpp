#pragma once

// Port: which skills a workspace has. Implemented once in src/storage. The rules of stores.hpp hold; rows are of the
// principal's workspace. Who may change what is the caller's business (core/policy).
// Every change counts the workspace's revision up in the same transaction; so does one of its secrets, because a tool
// shows whether what it needs is set.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/principal.hpp>
#include <librebird/core/model/skill.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace librebird {

class SkillStore {
 public:
  virtual ~SkillStore() = default;
  virtual Task<Result<std::int64_t>> revision(Principal principal) = 0;  // asked for by every turn: cheap
  // Manifests of the current versions only.
  virtual Task<Result<SkillShelf>> load(Principal principal) = 0;
  // With the manifests of all its versions. not_found.
  virtual Task<Result<InstalledSkill>> get(Principal principal, std::string name) = 0;
  // A skill and its first version, enabled. already_exists: the name is taken.
  virtual Task<Status> add(Principal principal, std::string name, SkillVersion version,
                           std::vector<std::string> granted) = 0;
  // Becomes the current one; where the hash is known already, nothing else of it changes. The ten newest are kept.
  // not_found; failed_precondition: pinned.
  virtual Task<Status> add_version(Principal principal, std::string name, SkillVersion version,
                                   std::vector<std::string> granted) = 0;
  // What a program said later than at its install. not_found.
  virtual Task<Status> set_tools(Principal principal, std::string name, std::string hash, std::string tools_json) = 0;
  virtual Task<Status> use_version(Principal principal, std::string name, std::string hash) = 0;  // not_found
  // `official`: the row is made if it is not there. not_found.
  virtual Task<Status> change(Principal principal, std::string name, bool official, std::optional<bool> enabled,
                              std::optional<bool> pinned) = 0;
  // With versions and settings. not_found.
  virtual Task<Status> remove(Principal principal, std::string name) = 0;
  // nullopt: unset.
  virtual Task<Status> set_setting(Principal principal, std::string skill, std::string name,
                                   std::optional<std::string> value_json) = 0;
  // "workspace/name/hash" of every version of everybody: what may stand on the disk.
  virtual Task<Result<std::vector<std::string>>> folders() = 0;
};

}  // namespace librebird
