#include "skill_client.hpp"

#include "methods.hpp"

namespace librebird::rpc {
namespace {

SkillCall make_call(SkillVerb verb, Principal principal, std::string name = {}) {
  SkillCall call;
  call.verb = verb;
  call.principal = std::move(principal);
  call.name = std::move(name);
  return call;
}

Result<SkillReply> reply_of(Result<SkillInfo> skill) {
  if (!skill) return std::move(skill).error();
  return SkillReply{{std::move(skill).value()}, {}, {}};
}

Result<SkillReply> reply_of(Result<SkillConnection> connection) {
  if (!connection) return std::move(connection).error();
  return SkillReply{{}, {}, std::move(connection).value()};
}

// Those wait for programs, or for servers far away.
bool takes_long(SkillVerb verb) {
  return verb == SkillVerb::install || verb == SkillVerb::update || verb == SkillVerb::connect ||
         verb == SkillVerb::finish_connection;
}

}  // namespace

Task<Result<SkillReply>> SkillClient::manage(SkillCall call, std::stop_token stop) {
  if (!call.source.folder.empty()) {
    co_return make_error(Code::permission_denied, "Folders are installed on the command line of the hands' machine.");
  }
  const auto timeout = takes_long(call.verb) ? channel_.options().tool_timeout : channel_.options().call_timeout;
  LB_CO_TRY(bytes, co_await channel_.unary(kManageSkills, to_wire(call), timeout, stop));
  co_return skill_reply_from_wire(bytes);
}

Task<Result<SkillInfo>> SkillClient::manage_one(SkillCall call, std::stop_token stop) {
  LB_CO_TRY(reply, co_await manage(std::move(call), stop));
  if (reply.skills.size() != 1) co_return make_error(Code::unavailable, "The hands did not name the skill; try again.");
  co_return std::move(reply.skills.front());
}

Task<Result<std::vector<SkillInfo>>> SkillClient::list_skills(Principal principal) {
  LB_CO_TRY(reply, co_await manage(make_call(SkillVerb::list, std::move(principal)), {}));
  co_return std::move(reply.skills);
}
Task<Result<SkillInfo>> SkillClient::get_skill(Principal principal, std::string name) {
  return manage_one(make_call(SkillVerb::get, std::move(principal), std::move(name)), {});
}
Task<Result<SkillInfo>> SkillClient::install_skill(Principal principal, SkillSource source, std::stop_token stop) {
  SkillCall call = make_call(SkillVerb::install, std::move(principal));
  call.source = std::move(source);
  return manage_one(std::move(call), std::move(stop));
}
Task<Result<SkillInfo>> SkillClient::update_skill(Principal principal, std::string name, SkillSource source,
                                                  std::stop_token stop) {
  SkillCall call = make_call(SkillVerb::update, std::move(principal), std::move(name));
  call.source = std::move(source);
  return manage_one(std::move(call), std::move(stop));
}
Task<Result<SkillInfo>> SkillClient::change_skill(Principal principal, std::string name, std::optional<bool> enabled,
                                                  std::optional<bool> pinned) {
  SkillCall call = make_call(SkillVerb::change, std::move(principal), std::move(name));
  call.enabled = enabled;
  call.pinned = pinned;
  return manage_one(std::move(call), {});
}
Task<Result<SkillInfo>> SkillClient::rollback_skill(Principal principal, std::string name, std::string hash) {
  SkillCall call = make_call(SkillVerb::rollback, std::move(principal), std::move(name));
  call.hash = std::move(hash);
  return manage_one(std::move(call), {});
}
Task<Status> SkillClient::remove_skill(Principal principal, std::string name) {
  LB_CO_CHECK(co_await manage(make_call(SkillVerb::remove, std::move(principal), std::move(name)), {}));
  co_return Ok{};
}
Task<Result<SkillInfo>> SkillClient::set_skill_setting(Principal principal, std::string name, std::string setting,
                                                       std::optional<std::string> value_json) {
  SkillCall call = make_call(SkillVerb::set, std::move(principal), std::move(name));
  call.setting = std::move(setting);
  call.value_json = std::move(value_json);
  return manage_one(std::move(call), {});
}
Task<Result<std::string>> SkillClient::connect_skill(Principal principal, std::string name, std::string redirect_uri,
                                                     std::stop_token stop) {
  SkillCall call = make_call(SkillVerb::connect, std::move(principal), std::move(name));
  call.redirect_uri = std::move(redirect_uri);
  LB_CO_TRY(reply, co_await manage(std::move(call), std::move(stop)));
  co_return std::move(reply.authorization_url);
}
Task<Result<SkillConnection>> SkillClient::finish_connection(Principal principal, ConnectionAnswer answer,
                                                             std::stop_token stop) {
  SkillCall call = make_call(SkillVerb::finish_connection, std::move(principal));
  call.answer = std::move(answer);
  LB_CO_TRY(reply, co_await manage(std::move(call), std::move(stop)));
  co_return std::move(reply.connection);
}
Task<Result<SkillConnection>> SkillClient::get_connection(Principal principal, std::string name) {
  LB_CO_TRY(reply, co_await manage(make_call(SkillVerb::get_connection, std::move(principal), std::move(name)), {}));
  co_return std::move(reply.connection);
}
Task<Status> SkillClient::disconnect_skill(Principal principal, std::string name) {
  LB_CO_CHECK(co_await manage(make_call(SkillVerb::disconnect, std::move(principal), std::move(name)), {}));
  co_return Ok{};
}

Task<Result<SkillReply>> answer_skill_call(SkillService& skills, SkillCall call, std::stop_token stop) {
  switch (call.verb) {
    case SkillVerb::list: {
      LB_CO_TRY(all, co_await skills.list_skills(call.principal));
      co_return SkillReply{std::move(all), {}, {}};
    }
    case SkillVerb::get: co_return reply_of(co_await skills.get_skill(call.principal, call.name));
    case SkillVerb::install:
      co_return reply_of(co_await skills.install_skill(call.principal, std::move(call.source), stop));
    case SkillVerb::update:
      co_return reply_of(co_await skills.update_skill(call.principal, call.name, std::move(call.source), stop));
    case SkillVerb::change:
      co_return reply_of(co_await skills.change_skill(call.principal, call.name, call.enabled, call.pinned));
    case SkillVerb::rollback: co_return reply_of(co_await skills.rollback_skill(call.principal, call.name, call.hash));
    case SkillVerb::set:
      co_return reply_of(
          co_await skills.set_skill_setting(call.principal, call.name, call.setting, std::move(call.value_json)));
    case SkillVerb::remove: {
      LB_CO_CHECK(co_await skills.remove_skill(call.principal, call.name));
      co_return SkillReply();
    }
    case SkillVerb::connect: {
      LB_CO_TRY(url, co_await skills.connect_skill(call.principal, call.name, std::move(call.redirect_uri), stop));
      co_return SkillReply{{}, std::move(url), {}};
    }
    case SkillVerb::finish_connection:
      co_return reply_of(co_await skills.finish_connection(call.principal, std::move(call.answer), stop));
    case SkillVerb::get_connection: co_return reply_of(co_await skills.get_connection(call.principal, call.name));
    case SkillVerb::disconnect: {
      LB_CO_CHECK(co_await skills.disconnect_skill(call.principal, call.name));
      co_return SkillReply();
    }
  }
  co_return make_error(Code::invalid_argument, "The verb is not known; run the same version on both sides.");
}

}  // namespace librebird::rpc
