#pragma once

#include <librebird/hands/skills/skill_registry.hpp>

#include "installer.hpp"
#include "tool_set_builder.hpp"

namespace librebird::hands {

// One change at a time in this process; others wait their turn.
class Turn {
 public:
  explicit Turn(Executor executor) : freed_(executor) {}
  class Held {
   public:
    explicit Held(Turn& turn) : turn_(&turn) { turn.taken_ = true; }
    Held(Held&& other) noexcept : turn_(std::exchange(other.turn_, nullptr)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (turn_ == nullptr) return;
      turn_->taken_ = false;
      turn_->freed_.notify_all();
    }

   private:
    Turn* turn_;
  };
  Task<Result<Held>> take(std::stop_token stop);

 private:
  Signal freed_;
  bool taken_ = false;
};

class SkillRegistry::Impl {
 public:
  explicit Impl(RegistryParts parts);

  // registry.cpp
  Task<Result<std::shared_ptr<const ToolSet>>> tools(Principal principal, std::optional<std::int64_t> seen = {});
  Task<Result<std::string>> read_skill(std::shared_ptr<const ToolSet> tools, std::string arguments_json);
  Task<Result<std::vector<SkillInfo>>> list(Principal principal);
  Task<Result<SkillInfo>> get(Principal principal, std::string name);
  Task<Result<SkillInfo>> change(Principal principal, std::string name, std::optional<bool> enabled,
                                 std::optional<bool> pinned);
  Task<Result<SkillInfo>> set_setting(Principal principal, std::string name, std::string setting,
                                      std::optional<std::string> value_json);

  // registry_versions.cpp
  Task<Result<SkillInfo>> install(Principal principal, SkillSource source, std::stop_token stop);
  Task<Result<SkillInfo>> update(Principal principal, std::string name, SkillSource source, std::stop_token stop);
  Task<Result<SkillInfo>> rollback(Principal principal, std::string name, std::string hash);
  Task<Status> remove(Principal principal, std::string name);

  // registry_connections.cpp
  Task<Result<std::string>> connect(Principal principal, std::string name, std::string redirect_uri,
                                    std::stop_token stop);
  Task<Result<SkillConnection>> finish_connection(Principal principal, ConnectionAnswer answer, std::stop_token stop);
  Task<Result<SkillConnection>> connection(Principal principal, std::string name);
  Task<Status> disconnect(Principal principal, std::string name);

 private:
  Status may_change(const Principal& principal) const;
  Task<Result<KnownSecrets>> known_secrets(Principal principal);
  // not_found; installed ones only: failed_precondition for the program's own.
  static Result<const KnownSkill*> find(const ToolSet& tools, const std::string& name);
  static Result<const KnownSkill*> find_installed(const ToolSet& tools, const std::string& name);
  // Whether its tools have names that nobody else uses, and parameters that can be checked.
  static Status check_offer(const ToolSet& tools, const SkillManifest& manifest);
  // Puts a version in its place and makes it current: add for a new skill, add_version for one that is there.
  Task<Status> commit(Principal principal, Unpacked unpacked, Ready ready, std::vector<std::string> granted,
                      bool fresh);
  // The server whose people can connect; failed_precondition: it has none.
  Result<oauth::McpServer> server_of(const KnownSkill& known) const;
  // The principal's access token for a server on the web, lent for one question.
  Task<Result<Credentials>> credentials(Principal principal, SkillManifest manifest);
  // Asks a server whose tools are not known for them, in the principal's name, and keeps them.
  Task<Status> learn_tools(Principal principal, std::string name, std::stop_token stop);
  Task<void> sweep_once();
  // Into the audit log; a change that was made stays made.
  Task<void> note(Principal principal, std::string name, std::string what);

  RegistryParts parts_;
  SystemRandom random_;
  std::string skills_folder_;
  ToolSetBuilder builder_;
  Installer installer_;
  Turn turn_;
  struct Kept {
    std::int64_t revision = 0;
    std::shared_ptr<const ToolSet> tools;
  };
  std::map<std::string, Kept> kept_;  // by workspace
  bool swept_ = false;
};

}  // namespace librebird::hands
