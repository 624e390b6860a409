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
  Task<Result<std::string>> connect_skill(Principal principal, std::string name, std::string redirect_uri,
                                          std::stop_token stop) override;
  Task<Result<SkillConnection>> finish_connection(Principal principal, ConnectionAnswer answer,
                                                  std::stop_token stop) override;
  Task<Result<SkillConnection>> get_connection(Principal principal, std::string name) override;
  Task<Status> disconnect_skill(Principal principal, std::string name) override;

 private:
  Task<Result<SkillReply>> manage(SkillCall call, std::stop_token stop);
  Task<Result<SkillInfo>> manage_one(SkillCall call, std::stop_token stop);

  ClientChannel& channel_;
};

// The server's side of one call.
Task<Result<SkillReply>> answer_skill_call(SkillService& skills, SkillCall call, std::stop_token stop);

}  // namespace librebird::rpc
