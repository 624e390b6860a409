#pragma once

// Which skills each workspace has: installs, switches, updates, rolls back and removes them, keeps their settings, and
// hands out the tools they offer as ToolSets.
//
//   LB_CO_TRY(tools, co_await registry.tools(principal));
//   const InstalledTool* tool = tools->find(name);      // `tools` is held for the length of the call
//
// A ToolSet is kept until the workspace's revision in the database moves: another process's install is seen at the
// next call. Versions stand on disk by the hash of their content (README.md); a version is made in a staging folder,
// moved to its place in one step, and becomes current in one transaction: a crash leaves nothing half-installed.
// Thread rule: loop only. Ownership: what RegistryParts refers to outlives the registry, and the registry its calls.

#include <librebird/base/async/sync.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/ports/audit_store.hpp>
#include <librebird/core/ports/secret_store.hpp>
#include <librebird/core/ports/skill_service.hpp>
#include <librebird/core/ports/skill_store.hpp>
#include <librebird/core/ports/tool_runtime.hpp>
#include <librebird/hands/egress/fence.hpp>
#include <librebird/hands/oauth/connections.hpp>
#include <librebird/hands/skills/tool_set.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace librebird::hands {

struct RegistryParts {
  Executor executor;
  IdGenerator& ids;
  SkillStore* store = nullptr;      // null: the program's own skills only, and nothing can be changed
  SecretStore* secrets = nullptr;   // null: secrets cannot be set
  AuditStore* audit = nullptr;      // told of every change; null: nobody is
  std::vector<SkillManifest> official;
  std::string data_directory;
  std::function<Result<Sandbox*>()> sandbox;
  std::function<Result<ToolRuntime*>(const SkillManifest&)> runtime;
  egress::Fence& fence;
  oauth::Connections* connections = nullptr;  // null: nobody can connect
};

class SkillRegistry final : public SkillService {
 public:
  explicit SkillRegistry(RegistryParts parts);
  ~SkillRegistry() override;

  // Of the principal's workspace. `seen`: its revision, if it has just been read.
  Task<Result<std::shared_ptr<const ToolSet>>> tools(Principal principal, std::optional<std::int64_t> seen = {});
  // A call of kReadSkill; the arguments fit its schema. The result's JSON.
  Task<Result<std::string>> read_skill(std::shared_ptr<const ToolSet> tools, std::string arguments_json);

  Task<Result<std::vector<SkillInfo>>> list_skills(Principal principal) override;
  Task<Result<SkillInfo>> get_skill(Principal principal, std::string name) override;
  Task<Result<SkillInfo>> install_skill(Principal principal, SkillSource source, std::stop_token stop) override;
  Task<Result<SkillInfo>> update_skill(Principal principal, std::string name, SkillSource source,
                                       std::stop_token stop) override;
  Task<Result<SkillInfo>> change_skill(Principal principal, std::string name, std::optional<bool> enabled,
                                       std::optional<bool> pinned) override;
  Task<Result<SkillInfo>> rollback_skill(Principal principal, std::string name, std::string hash) override;
  Task<Status> remove_skill(Principal principal, std::string name) override;
  Task<Result<SkillInfo>> set_skill_setting(Principal principal, std::string name, std::string setting,
                                            std::optional<std::string> value_json) override;
  Task<Result<std::string>> connect_skill(Principal principal, std::string name, std::string redirect_uri,
                                          std::stop_token stop) override;
  Task<Result<SkillConnection>> finish_connection(Principal principal, ConnectionAnswer answer,
                                                  std::stop_token stop) override;
  Task<Result<SkillConnection>> get_connection(Principal principal, std::string name) override;
  Task<Status> disconnect_skill(Principal principal, std::string name) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace librebird::hands
