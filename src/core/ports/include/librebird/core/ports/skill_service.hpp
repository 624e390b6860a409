#pragma once

// Port: the skills of a workspace, as the gateway and the command line see them; a part of the hands
// (hands_service.hpp), in this process or over gRPC. Members may look, admins and owners may change. Thread rule: loop
// only. A change takes effect at the next tool call, in every process; running calls end with what they began with.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/principal.hpp>
#include <librebird/core/model/skill.hpp>

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace librebird {

// Where a skill comes from: exactly one of the first three.
struct SkillSource {
  std::string folder;        // on the machine of the hands; operators only
  std::string git_url;       // https://…; for operators also a path
  std::string archive;       // the bytes of a .zip, .tar, .tar.gz or .tar.xz
  std::string archive_name;  // what to call it
  std::string git_ref;       // branch, tag or commit; empty: the default branch
  std::string inner_path;    // the skill's folder inside; empty: the one there is
  std::vector<std::string> granted;  // permissions beyond the manifest's; with update: also new ones to accept
  bool operator_asks = false;        // may name paths of this machine; never set for requests from outside
};

class SkillService {
 public:
  virtual ~SkillService() = default;
  // By name; the skills of the program too.
  virtual Task<Result<std::vector<SkillInfo>>> list_skills(Principal principal) = 0;
  virtual Task<Result<SkillInfo>> get_skill(Principal principal, std::string name) = 0;
  // Errors, beside those of whatever is wrong with it: already_exists (name or a tool's name is taken),
  // deadline_exceeded, too_large. Nothing of a failed or stopped install stays.
  virtual Task<Result<SkillInfo>> install_skill(Principal principal, SkillSource source, std::stop_token stop) = 0;
  // `source` without folder, git_url and archive: where it came from. failed_precondition: pinned, or the new version
  // asks for permissions that are not in `granted`.
  virtual Task<Result<SkillInfo>> update_skill(Principal principal, std::string name, SkillSource source,
                                               std::stop_token stop) = 0;
  virtual Task<Result<SkillInfo>> change_skill(Principal principal, std::string name, std::optional<bool> enabled,
                                               std::optional<bool> pinned) = 0;
  // `hash`: a version's, or its beginning; empty: the one installed before the current one.
  virtual Task<Result<SkillInfo>> rollback_skill(Principal principal, std::string name, std::string hash) = 0;
  virtual Task<Status> remove_skill(Principal principal, std::string name) = 0;
  // `value_json` nullopt: unset. A secret goes to the secret store and comes back nowhere.
  virtual Task<Result<SkillInfo>> set_skill_setting(Principal principal, std::string name, std::string setting,
                                                    std::optional<std::string> value_json) = 0;

  // A person's own connection to the server of a skill (OAuth; src/hands/oauth). Where the person is to go; with what
  // they bring back to `redirect_uri` it is finished. failed_precondition: there is nothing to connect to.
  virtual Task<Result<std::string>> connect_skill(Principal principal, std::string name, std::string redirect_uri,
                                                  std::stop_token stop) = 0;
  // The first connection also brings the tools of a server that told them to nobody before. unauthenticated: not begun
  // by this person, finished already, or too old.
  virtual Task<Result<SkillConnection>> finish_connection(Principal principal, ConnectionAnswer answer,
                                                          std::stop_token stop) = 0;
  virtual Task<Result<SkillConnection>> get_connection(Principal principal, std::string name) = 0;
  virtual Task<Status> disconnect_skill(Principal principal, std::string name) = 0;
};

}  // namespace librebird
