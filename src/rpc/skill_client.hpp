#pragma once

// The skills of hands in another process. Loop only. The channel outlives it.

#include "client_channel.hpp"
#include "skill_codec.hpp"

namespace librebird::rpc {

class SkillClient final : public SkillService {
 public:
  explicit SkillClient(ClientChannel& channel) : channel_(channel) {}

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

 private:
  Task<Result<std::vector<SkillInfo>>> manage(SkillCall call, std::stop_token stop);
  Task<Result<SkillInfo>> manage_one(SkillCall call, std::stop_token stop);

  ClientChannel& channel_;
};

// The server's side of one call.
Task<Result<std::vector<SkillInfo>>> answer_skill_call(SkillService& skills, SkillCall call, std::stop_token stop);

}  // namespace librebird::rpc
