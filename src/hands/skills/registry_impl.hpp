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
  Task<Result<std::shared_ptr<const ToolSet>>> tools(Principal principal);
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
  Task<void> sweep_once();
  // Into the audit log; a change that was made stays made.
  Task<void> note(Principal principal, std::string name, std::string what);

  RegistryParts parts_;
  std::string skills_folder_;
  ToolSetBuilder builder_;
  Installer installer_;
  Turn turn_;
  struct Kept {
    std::int64_t revision = 0;
    std::int64_t secrets = 0;
    std::shared_ptr<const ToolSet> tools;
  };
  std::map<std::string, Kept> kept_;  // by workspace
  bool swept_ = false;
};

}  // namespace librebird::hands
