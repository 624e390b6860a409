#include "skill_codec.hpp"

#include <skills.pb.h>

#include "codec_values.hpp"

namespace librebird::rpc {
namespace {

using rpc::get;
using rpc::put;

template <class List>
std::vector<std::string> texts(const List& list) {
  return {list.begin(), list.end()};
}

void put(const SkillInfo& from, v1::Skill& to) {
  to.set_name(from.name);
  to.set_display_name(from.display_name);
  to.set_description(from.description);
  to.set_version(from.version);
  to.set_author(from.author);
  to.set_icon(from.icon);
  to.set_category(from.category);
  to.set_runtime(from.runtime);
  to.set_origin(from.origin);
  to.set_hash(from.hash);
  to.set_enabled(from.enabled);
  to.set_pinned(from.pinned);
  to.set_error(from.error);
  to.set_connectable(from.connectable);
  to.set_needs_connection(from.needs_connection);
  for (const std::string& item : from.permissions) to.add_permissions(item);
  for (const std::string& item : from.tools) to.add_tools(item);
  for (const std::string& item : from.missing_settings) to.add_missing_settings(item);
  for (const SkillSettingInfo& info : from.settings) {
    v1::SkillSetting& setting = *to.add_settings();
    setting.set_name(info.setting.name);
    setting.set_type(std::string(to_string(info.setting.type)));
    setting.set_description(info.setting.description);
    setting.set_required(info.setting.required);
    setting.set_validation(info.setting.validation);
    for (const std::string& choice : info.setting.choices) setting.add_choices(choice);
    setting.set_set(info.set);
    setting.set_value_json(info.value_json);
  }
  for (const librebird::SkillVersion& from_version : from.versions) {
    v1::SkillVersion& version = *to.add_versions();
    version.set_hash(from_version.hash);
    version.set_version(from_version.version);
    version.set_origin(from_version.origin);
    version.set_installed_by(from_version.installed_by);
    version.set_installed_at_unix_ms(from_version.installed_at);
  }
}

Result<SkillInfo> get(const v1::Skill& from) {
  SkillInfo to{from.name(),     from.display_name(), from.description(), from.version(), from.author(),  from.icon(),
               from.category(), from.runtime(),      from.origin(),      from.hash(),    from.enabled(), from.pinned()};
  to.error = from.error();
  to.connectable = from.connectable();
  to.needs_connection = from.needs_connection();
  to.permissions = texts(from.permissions());
  to.tools = texts(from.tools());
  to.missing_settings = texts(from.missing_settings());
  for (const v1::SkillSetting& setting : from.settings()) {
    const auto type = setting_type_from_string(setting.type());
    if (!type) return bad("an unknown type of a setting");
    SkillSettingInfo info;
    info.setting.name = setting.name();
    info.setting.type = *type;
    info.setting.description = setting.description();
    info.setting.required = setting.required();
    info.setting.validation = setting.validation();
    info.setting.choices = texts(setting.choices());
    info.set = setting.set();
    info.value_json = setting.value_json();
    to.settings.push_back(std::move(info));
  }
  for (const v1::SkillVersion& version : from.versions()) {
    to.versions.push_back({version.hash(), version.version(), "", "", "", version.origin(), version.installed_by(),
                           version.installed_at_unix_ms()});
  }
  return to;
}

}  // namespace

std::string to_wire(const SkillCall& call) {
  v1::SkillRequest wire;
  put(call.principal, *wire.mutable_principal());
  wire.set_verb(static_cast<v1::SkillRequest::Verb>(static_cast<int>(call.verb) + 1));
  wire.set_name(call.name);
  v1::SkillSource& source = *wire.mutable_source();
  source.set_git_url(call.source.git_url);
  source.set_git_ref(call.source.git_ref);
  source.set_archive(call.source.archive);
  source.set_archive_name(call.source.archive_name);
  source.set_inner_path(call.source.inner_path);
  for (const std::string& permission : call.source.granted) source.add_granted(permission);
  if (call.enabled) wire.set_enabled(*call.enabled);
  if (call.pinned) wire.set_pinned(*call.pinned);
  wire.set_hash(call.hash);
  wire.set_setting(call.setting);
  if (call.value_json) wire.set_value_json(*call.value_json);
  wire.set_redirect_uri(call.redirect_uri);
  wire.set_state(call.answer.state);
  wire.set_code(call.answer.code);
  wire.set_issuer(call.answer.issuer);
  return bytes_of(wire);
}

Result<SkillCall> skill_call_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::SkillRequest>(bytes));
  if (wire.verb() < v1::SkillRequest::VERB_LIST || wire.verb() > v1::SkillRequest::VERB_DISCONNECT) {
    return bad("an unknown verb");
  }
  LB_TRY(principal, get(wire.principal()));
  SkillCall call;
  call.verb = static_cast<SkillVerb>(static_cast<int>(wire.verb()) - 1);
  call.principal = std::move(principal);
  call.name = wire.name();
  call.source.git_url = wire.source().git_url();
  call.source.git_ref = wire.source().git_ref();
  call.source.archive = wire.source().archive();
  call.source.archive_name = wire.source().archive_name();
  call.source.inner_path = wire.source().inner_path();
  call.source.granted = texts(wire.source().granted());
  if (wire.has_enabled()) call.enabled = wire.enabled();
  if (wire.has_pinned()) call.pinned = wire.pinned();
  call.hash = wire.hash();
  call.setting = wire.setting();
  if (wire.has_value_json()) call.value_json = wire.value_json();
  call.redirect_uri = wire.redirect_uri();
  call.answer = {wire.state(), wire.code(), wire.issuer()};
  return call;
}

std::string to_wire(const SkillReply& reply) {
  v1::SkillResponse wire;
  for (const SkillInfo& skill : reply.skills) put(skill, *wire.add_skills());
  wire.set_authorization_url(reply.authorization_url);
  v1::SkillConnection& connection = *wire.mutable_connection();
  connection.set_skill(reply.connection.skill);
  connection.set_connected(reply.connection.connected);
  connection.set_server(reply.connection.server);
  connection.set_issuer(reply.connection.issuer);
  connection.set_scope(reply.connection.scope);
  connection.set_expires_at_unix_ms(reply.connection.expires_at);
  connection.set_problem(reply.connection.problem);
  return bytes_of(wire);
}

Result<SkillReply> skill_reply_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::SkillResponse>(bytes));
  SkillReply reply;
  for (const v1::Skill& item : wire.skills()) {
    LB_TRY(skill, get(item));
    reply.skills.push_back(std::move(skill));
  }
  reply.authorization_url = wire.authorization_url();
  const v1::SkillConnection& connection = wire.connection();
  reply.connection = {connection.skill(), connection.connected(),          connection.server(), connection.issuer(),
                      connection.scope(), connection.expires_at_unix_ms(), connection.problem()};
  return reply;
}

}  // namespace librebird::rpc
