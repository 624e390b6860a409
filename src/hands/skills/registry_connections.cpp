// People's connections to the servers of skills, and the tools that only those who are known there are told.
#include <librebird/base/json_writer.hpp>
#include <librebird/base/log.hpp>
#include <librebird/core/manifest/manifest.hpp>
#include <librebird/core/policy/permissions.hpp>
#include <librebird/hands/vault/vault.hpp>

#include <boost/json.hpp>

#include <fmt/format.h>

#include <algorithm>

#include "registry_impl.hpp"

namespace librebird::hands {
namespace {

std::string client_id_of(const KnownSkill& known) {
  const auto found = std::ranges::find(known.settings, manifest::kClientId,
                                       [](const SkillSettingInfo& info) { return info.setting.name; });
  if (found == known.settings.end()) return {};
  boost::system::error_code failure;
  const boost::json::value value = boost::json::parse(found->value_json, failure);
  return !failure && value.is_string() ? std::string(value.get_string()) : std::string();
}

}  // namespace

Result<oauth::McpServer> SkillRegistry::Impl::server_of(const KnownSkill& known) const {
  if (parts_.connections == nullptr) {
    return make_error(Code::failed_precondition, "This installation keeps no secrets; set up its master key.");
  }
  if (!known.manifest || !known.manifest->url.starts_with("https://")) {
    return make_error(
        Code::failed_precondition,
        fmt::format("The skill {} has no server on the web at an https address to connect to.", known.row.name));
  }
  return oauth::McpServer{known.row.name, known.manifest->url, client_id_of(known)};
}

Task<Result<std::string>> SkillRegistry::Impl::connect(Principal principal, std::string name, std::string redirect_uri,
                                                       std::stop_token stop) {
  LB_CO_CHECK(policy::require(principal, policy::Permission::connect_skills));
  LB_CO_TRY(set, co_await tools(principal));
  LB_CO_TRY(known, find(*set, name));
  LB_CO_TRY(server, server_of(*known));
  co_return co_await parts_.connections->begin(std::move(principal), std::move(server), std::move(redirect_uri),
                                               std::move(stop));
}

Task<Result<SkillConnection>> SkillRegistry::Impl::finish_connection(Principal principal, ConnectionAnswer answer,
                                                                     std::stop_token stop) {
  LB_CO_CHECK(policy::require(principal, policy::Permission::connect_skills));
  LB_CO_TRY(name, oauth::Connections::skill_of(answer.state));
  LB_CO_TRY(set, co_await tools(principal));
  LB_CO_TRY(known, find(*set, name));
  LB_CO_TRY(server, server_of(*known));
  LB_CO_CHECK(co_await parts_.connections->finish(principal, std::move(answer), stop));
  co_await note(principal, name, "connected to " + server.url);
  LB_CO_TRY(made, co_await parts_.connections->status(principal, std::move(server)));
  if (const Status learned = co_await learn_tools(std::move(principal), name, std::move(stop)); !learned) {
    log::warn("a server's tools are not known yet", {{"skill", name}, {"cause", learned.error().message}});
    made.problem = learned.error().message;
  }
  co_return made;
}

Task<Result<SkillConnection>> SkillRegistry::Impl::connection(Principal principal, std::string name) {
  LB_CO_CHECK(policy::require(principal, policy::Permission::see_skills));
  LB_CO_TRY(set, co_await tools(principal));
  LB_CO_TRY(known, find(*set, name));
  LB_CO_TRY(server, server_of(*known));
  co_return co_await parts_.connections->status(std::move(principal), std::move(server));
}

Task<Status> SkillRegistry::Impl::disconnect(Principal principal, std::string name) {
  LB_CO_CHECK(policy::require(principal, policy::Permission::connect_skills));
  LB_CO_TRY(set, co_await tools(principal));
  LB_CO_TRY(known, find(*set, name));
  LB_CO_CHECK(server_of(*known));
  LB_CO_CHECK(co_await parts_.connections->disconnect(principal, name));
  co_await note(std::move(principal), std::move(name), "disconnected");
  co_return Ok{};
}

Task<Result<Credentials>> SkillRegistry::Impl::credentials(Principal principal, SkillManifest manifest) {
  Credentials credentials;
  const auto host = manifest::host_of_url(manifest.url);
  if (parts_.secrets == nullptr || !host || !manifest.url.starts_with("https://")) co_return credentials;
  if (parts_.connections != nullptr) {
    LB_CO_CHECK(co_await parts_.connections->freshen(principal, {manifest.name, manifest.url, {}}, {}));
  }
  vault::Vault vault(*parts_.secrets, random_);
  std::vector<vault::WantedSecret> wanted{{std::string(manifest::kAccessToken), {*host}, false}};
  LB_CO_TRY(leases, co_await vault.lease(std::move(principal), "skill/" + manifest.name, std::move(wanted)));
  if (leases.empty()) co_return credentials;
  const vault::SecretLease& token = leases.front();
  JsonWriter json;
  json.begin_object().field(token.name, token.placeholder).end_object();
  credentials.settings_json = std::move(json).take();
  credentials.secrets.push_back({token.placeholder, token.value, token.hosts});
  co_return credentials;
}

Task<Status> SkillRegistry::Impl::learn_tools(Principal principal, std::string name, std::stop_token stop) {
  LB_CO_TRY(held, co_await turn_.take(stop));
  LB_CO_TRY(set, co_await tools(principal));
  LB_CO_TRY(known, find_installed(*set, name));
  if (!known->manifest || !known->manifest->tools.empty()) co_return Ok{};
  const SkillManifest asked = *known->manifest;
  LB_CO_TRY(lent, co_await credentials(principal, asked));
  std::string challenge;
  lent.challenge = &challenge;
  auto answered = co_await installer_.ask_server(asked, std::move(lent), std::move(stop));
  if (!answered && !challenge.empty() && parts_.connections != nullptr) {
    const std::string more = co_await parts_.connections->step_up(principal, {name, asked.url, {}}, challenge);
    if (!more.empty()) co_return make_error(Code::failed_precondition, more);
  }
  LB_CO_TRY(told, std::move(answered));
  LB_CO_TRY(row, co_await parts_.store->get(principal, name));
  const auto current = std::ranges::find(row.versions, row.current, &SkillVersion::hash);
  if (current == row.versions.end()) co_return Ok{};  // removed meanwhile, by another process
  LB_CO_TRY(manifest, parse_stored(current->kind, current->manifest, told, row.granted, name));
  LB_CO_CHECK(check_offer(*set, manifest));
  LB_CO_CHECK(co_await parts_.store->set_tools(principal, name, row.current, told));
  co_await note(std::move(principal), std::move(name), fmt::format("told its tools: {}", manifest.tools.size()));
  co_return Ok{};
}

}  // namespace librebird::hands
