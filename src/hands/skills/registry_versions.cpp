// Versions: install, update, roll back, remove.
#include <librebird/base/log.hpp>
#include <librebird/core/manifest/manifest.hpp>

#include <fmt/format.h>

#include <algorithm>

#include "registry_impl.hpp"

namespace librebird::hands {
namespace {

void merge(std::vector<std::string>& into, const std::vector<std::string>& more) {
  for (const std::string& item : more) {
    if (std::ranges::find(into, item) == into.end()) into.push_back(item);
  }
}

// What the new version asks for that nobody has agreed to.
Status check_permissions(const SkillManifest& old, const SkillManifest& fresh,
                         const std::vector<std::string>& granted) {
  std::string asked;
  for (const std::string& permission : fresh.permissions) {
    const auto is_in = [&](const std::vector<std::string>& list) {
      return std::ranges::find(list, permission) != list.end();
    };
    if (!is_in(old.permissions) && !is_in(granted)) asked += (asked.empty() ? "" : ", ") + permission;
  }
  if (asked.empty()) return Ok{};
  return make_error(Code::failed_precondition,
                    fmt::format("The new version of {} asks for more: {}. To agree, update it again and allow these "
                                "permissions (--allow, or \"permissions\").",
                                fresh.name, asked));
}

// What a server said to who was known there holds on, when an update comes from who is not.
Status keep_tools(const InstalledSkill& row, const Package& package, const std::vector<std::string>& granted,
                  Ready& ready) {
  const auto current = std::ranges::find(row.versions, row.current, &SkillVersion::hash);
  if (current == row.versions.end() || current->tools_json.empty()) return Ok{};
  LB_TRY(manifest,
         parse_stored(package.kind, package.manifest_text, current->tools_json, granted, package.manifest.name));
  manifest.directory = ready.manifest.directory;
  manifest.env_directory = ready.manifest.env_directory;
  ready = {std::move(manifest), current->tools_json};
  return Ok{};
}

}  // namespace

Task<void> SkillRegistry::Impl::sweep_once() {
  if (std::exchange(swept_, true)) co_return;
  const auto folders = co_await parts_.store->folders();
  if (!folders) co_return;
  auto work = [folder = skills_folder_, known = std::set<std::string>(folders->begin(), folders->end())]() -> Status {
    sweep_orphans(folder, known);
    return Ok{};
  };
  (void)co_await installer_.blocking(std::move(work));
}

Task<Result<SkillInfo>> SkillRegistry::Impl::install(Principal principal, SkillSource source, std::stop_token stop) {
  LB_CO_CHECK(may_change(principal));
  LB_CO_TRY(held, co_await turn_.take(stop));
  co_await sweep_once();
  const std::vector<std::string> granted = source.granted;
  LB_CO_TRY(unpacked, co_await installer_.unpack(std::move(source), stop));
  const std::string name = unpacked.package.manifest.name;
  if (builder_.is_official(name)) {
    co_return make_error(Code::already_exists,
                         fmt::format("The name {} belongs to a skill that comes with Libre Bird; the skill must have "
                                     "another in its manifest.",
                                     name));
  }
  LB_CO_TRY(set, co_await tools(principal));
  if (const auto taken = set->skills().find(name); taken != set->skills().end()) {
    co_return make_error(Code::already_exists,
                         fmt::format("A skill named {} is installed already, from {}; update it, or remove it first.",
                                     name, taken->second.row.origin));
  }
  LB_CO_CHECK(check_offer(*set, unpacked.package.manifest));  // before anything of it runs
  LB_CO_TRY(ready, co_await installer_.make_ready(unpacked, granted, {}, stop));
  LB_CO_CHECK(check_offer(*set, ready.manifest));
  LB_CO_CHECK(co_await commit(principal, std::move(unpacked), std::move(ready), granted, true));
  log::info("a skill is installed", {{"skill", name}, {"workspace_id", principal.workspace_id}});
  co_return co_await get(std::move(principal), name);
}

Task<Result<SkillInfo>> SkillRegistry::Impl::update(Principal principal, std::string name, SkillSource source,
                                                    std::stop_token stop) {
  LB_CO_CHECK(may_change(principal));
  LB_CO_TRY(held, co_await turn_.take(stop));
  co_await sweep_once();
  LB_CO_TRY(set, co_await tools(principal));
  LB_CO_TRY(known, find_installed(*set, name));
  if (known->row.pinned) {
    co_return make_error(Code::failed_precondition,
                         fmt::format("The skill {} is pinned to its version; unpin it first.", name));
  }
  if (source.folder.empty() && source.git_url.empty() && source.archive.empty()) {
    LB_CO_TRY(again, source_of(known->row.origin));
    again.granted = std::move(source.granted);
    // An operator named the path when it was installed.
    again.operator_asks = true;
    source = std::move(again);
  }
  const std::vector<std::string> agreed = source.granted;
  std::vector<std::string> granted = known->row.granted;
  merge(granted, agreed);
  source.granted = granted;
  LB_CO_TRY(unpacked, co_await installer_.unpack(std::move(source), stop));
  if (unpacked.package.manifest.name != name) {
    co_return make_error(Code::invalid_argument, fmt::format("This is the skill {}, not {}; install it on its own.",
                                                             unpacked.package.manifest.name, name));
  }
  if (known->manifest) LB_CO_CHECK(check_permissions(*known->manifest, unpacked.package.manifest, agreed));
  LB_CO_CHECK(check_offer(*set, unpacked.package.manifest));
  const bool stays = known->manifest && known->manifest->url == unpacked.package.manifest.url;
  Credentials credentials;
  if (stays) {
    // Without them the server is asked as a stranger asks it.
    if (auto lent = co_await this->credentials(principal, unpacked.package.manifest)) credentials = *std::move(lent);
  }
  LB_CO_TRY(ready, co_await installer_.make_ready(unpacked, granted, std::move(credentials), stop));
  if (stays && ready.manifest.tools.empty()) LB_CO_CHECK(keep_tools(known->row, unpacked.package, granted, ready));
  LB_CO_CHECK(check_offer(*set, ready.manifest));
  LB_CO_CHECK(co_await commit(principal, std::move(unpacked), std::move(ready), std::move(granted), false));
  log::info("a skill is updated", {{"skill", name}, {"workspace_id", principal.workspace_id}});
  co_return co_await get(std::move(principal), std::move(name));
}

Task<Status> SkillRegistry::Impl::commit(Principal principal, Unpacked unpacked, Ready ready,
                                         std::vector<std::string> granted, bool fresh) {
  const std::string name = ready.manifest.name;
  SkillVersion version{
      unpacked.package.hash, ready.manifest.version, unpacked.package.kind, unpacked.package.manifest_text,
      ready.tools_json,      unpacked.origin,        principal.user_id,     0};
  auto place = [folder = skills_folder_, made = unpacked.version, workspace = principal.workspace_id, name,
                hash = version.hash]() { return place_version(folder, made, workspace, name, hash); };
  LB_CO_TRY(placed, co_await installer_.blocking(std::move(place)));
  const std::string hash = version.hash;
  const std::string tools = version.tools_json;
  const std::string done = fmt::format("{} {} {} from {}", fresh ? "installed" : "updated to", version.version,
                                       hash.substr(0, 12), version.origin);
  const Status written =
      fresh ? co_await parts_.store->add(principal, name, std::move(version), std::move(granted))
            : co_await parts_.store->add_version(principal, name, std::move(version), std::move(granted));
  auto tidy = [folder = skills_folder_, workspace = principal.workspace_id, name, hash, id = parts_.ids.next(),
               undo = placed && !written, staging = std::move(unpacked.staging)]() mutable -> Status {
    if (undo) retire(folder, version_folder(folder, workspace, name, hash), id);
    staging.reset();
    return Ok{};
  };
  (void)co_await installer_.blocking(std::move(tidy));
  if (!written) co_return written;
  co_await note(principal, name, done);
  // The same content may be asked again, and answer otherwise.
  if (!fresh && !tools.empty()) co_return co_await parts_.store->set_tools(principal, name, hash, tools);
  co_return Ok{};
}

Task<Result<SkillInfo>> SkillRegistry::Impl::rollback(Principal principal, std::string name, std::string hash) {
  LB_CO_CHECK(may_change(principal));
  LB_CO_TRY(held, co_await turn_.take({}));
  LB_CO_TRY(set, co_await tools(principal));
  LB_CO_CHECK(find_installed(*set, name));
  LB_CO_TRY(row, co_await parts_.store->get(principal, name));
  const SkillVersion* target = nullptr;
  if (hash.empty()) {
    const auto current = std::ranges::find(row.versions, row.current, &SkillVersion::hash);
    if (current == row.versions.end() || std::next(current) == row.versions.end()) {
      co_return make_error(Code::failed_precondition, fmt::format("There is no version of {} before this one.", name));
    }
    target = &*std::next(current);
  } else {
    for (const SkillVersion& version : row.versions) {
      if (!version.hash.starts_with(hash)) continue;
      if (target != nullptr) {
        co_return make_error(Code::invalid_argument, "Several versions begin like this; give more of the hash.");
      }
      target = &version;
    }
    if (target == nullptr) {
      co_return make_error(Code::not_found, fmt::format("The skill {} has no version with this hash.", name));
    }
  }
  LB_CO_TRY(manifest, parse_stored(target->kind, target->manifest, target->tools_json, row.granted, name));
  LB_CO_CHECK(check_offer(*set, manifest));
  LB_CO_CHECK(co_await parts_.store->use_version(principal, name, target->hash));
  co_await note(principal, name, "rolled back to " + target->version + " " + target->hash.substr(0, 12));
  log::info("a skill is rolled back", {{"skill", name}, {"workspace_id", principal.workspace_id}});
  co_return co_await get(std::move(principal), std::move(name));
}

Task<Status> SkillRegistry::Impl::remove(Principal principal, std::string name) {
  LB_CO_CHECK(may_change(principal));
  LB_CO_TRY(held, co_await turn_.take({}));
  co_await sweep_once();
  LB_CO_TRY(set, co_await tools(principal));
  LB_CO_CHECK(find_installed(*set, name));
  // Its own secrets, and its members' connections.
  if (parts_.secrets != nullptr) LB_CO_CHECK(co_await parts_.secrets->forget(principal, "skill/" + name));
  LB_CO_CHECK(co_await parts_.store->remove(principal, name));
  auto work = [folder = skills_folder_, place = skills_folder_ + "/" + principal.workspace_id + "/" + name,
               id = parts_.ids.next()]() -> Status {
    retire(folder, place, id);
    return Ok{};
  };
  (void)co_await installer_.blocking(std::move(work));
  co_await note(principal, name, "removed");
  log::info("a skill is removed", {{"skill", name}, {"workspace_id", principal.workspace_id}});
  co_return Ok{};
}

}  // namespace librebird::hands
