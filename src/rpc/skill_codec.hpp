#pragma once

// Skills <-> the bytes of the messages in proto/skills.proto. The rules of codec.hpp hold. Where a skill may come from
// is less than the port allows: no folder, and nothing an operator alone may ask for.

#include <librebird/core/ports/skill_service.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::rpc {

enum class SkillVerb {
  list,
  get,
  install,
  update,
  change,
  rollback,
  remove,
  set,
  connect,
  finish_connection,
  get_connection,
  disconnect
};

struct SkillCall {
  SkillVerb verb = SkillVerb::list;
  Principal principal;
  std::string name;
  SkillSource source;
  std::optional<bool> enabled;
  std::optional<bool> pinned;
  std::string hash;
  std::string setting;
  std::optional<std::string> value_json;
  std::string redirect_uri;
  ConnectionAnswer answer;
};

// What came of it: which of these there are follows from the verb.
struct SkillReply {
  std::vector<SkillInfo> skills;
  std::string authorization_url;
  SkillConnection connection;
};

std::string to_wire(const SkillCall& call);
Result<SkillCall> skill_call_from_wire(std::string_view bytes);
std::string to_wire(const SkillReply& reply);
Result<SkillReply> skill_reply_from_wire(std::string_view bytes);

}  // namespace librebird::rpc
