#include "secret_stage.hpp"

#include "audit_notes.hpp"

#include <librebird/core/manifest/manifest.hpp>

#include <boost/json.hpp>

#include <algorithm>

namespace librebird::hands {
namespace {

std::vector<vault::WantedSecret> wanted_of(const SkillManifest& skill) {
  std::vector<vault::WantedSecret> wanted;
  for (const SkillSetting& setting : skill.settings) {
    // Of people's connections: it goes to the authorization server only, and never from in there.
    if (!skill.url.empty() && setting.name == manifest::kClientSecret) continue;
    if (setting.type == SettingType::secret) wanted.push_back({setting.name, setting.hosts, setting.required});
  }
  return wanted;
}

}  // namespace

SecretStage::SecretStage(SecretStore* store, AuditStore& audit) : audit_(audit) {
  if (store != nullptr) vault_ = std::make_unique<vault::Vault>(*store, random_);
}

Task<Result<CallSecrets>> SecretStage::begin(Principal principal, const SkillManifest* skill) {
  CallSecrets secrets;
  std::vector<vault::WantedSecret> wanted;
  if (skill != nullptr) wanted = wanted_of(*skill);
  if (!vault_) {
    if (std::ranges::any_of(wanted, &vault::WantedSecret::required)) {
      co_return make_error(Code::failed_precondition,
                           "The tool needs a secret, and this installation keeps none: start it with its data folder.");
    }
    secrets.guard = std::make_shared<vault::CallGuard>(std::make_shared<const vault::Redactor>(), secrets.leases);
    co_return secrets;
  }
  if (!wanted.empty()) {
    LB_CO_TRY(leases, co_await vault_->lease(principal, "skill/" + skill->name, std::move(wanted)));
    secrets.leases = std::move(leases);
  }
  LB_CO_TRY(guard, co_await vault_->guard(std::move(principal), secrets.leases));
  secrets.guard = std::move(guard);
  co_return secrets;
}

Task<void> SecretStage::end(CallSecrets& secrets, Outcome& outcome, const AuditEntry& call) {
  vault::CallGuard& guard = *secrets.guard;
  guard.finish_output();
  if (!outcome.content_json.empty()) outcome.content_json = guard.result(std::move(outcome.content_json));
  outcome.detail = guard.text(std::move(outcome.detail));
  outcome.egress = guard.text(std::move(outcome.egress));
  secrets.leases.clear();
  const std::string report = guard.report();
  if (report.empty()) co_return;
  co_await note_about(audit_, AuditKind::leak, call, report);
}

std::string with_placeholders(std::string_view settings_json, const std::vector<vault::SecretLease>& leases) {
  boost::system::error_code error;
  boost::json::value settings = boost::json::parse(settings_json.empty() ? "{}" : settings_json, error);
  if (error || !settings.is_object()) settings = boost::json::object();
  for (const vault::SecretLease& lease : leases) settings.get_object()[lease.name] = lease.placeholder;
  return boost::json::serialize(settings);
}

}  // namespace librebird::hands
