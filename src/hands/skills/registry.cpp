#include <librebird/base/json_writer.hpp>
#include <librebird/base/log.hpp>
#include <librebird/base/utf8.hpp>
#include <librebird/core/manifest/manifest.hpp>
#include <librebird/core/policy/permissions.hpp>

#include <boost/json.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "registry_impl.hpp"

namespace librebird::hands {
namespace {

constexpr std::size_t kKeptWorkspaces = 256;
constexpr std::size_t kMostRead = 256 * 1024;
constexpr std::size_t kMostListed = 200;

SkillInfo view_of(const KnownSkill& known) {
  SkillInfo info;
  info.name = known.row.name;
  info.display_name = known.row.name;
  info.origin = known.row.origin;
  info.hash = known.row.current;
  info.enabled = known.row.enabled;
  info.pinned = known.row.pinned;
  info.settings = known.settings;
  info.missing_settings = known.missing_settings;
  info.versions = known.row.versions;
  for (SkillVersion& version : info.versions) {
    version.manifest.clear();
    version.tools_json.clear();
  }
  info.error = known.error;
  if (!known.manifest) return info;
  const SkillManifest& manifest = *known.manifest;
  info.display_name = manifest.display_name;
  info.description = manifest.description;
  info.version = manifest.version;
  info.author = manifest.author;
  info.icon = manifest.icon;
  info.category = manifest.category;
  info.runtime = manifest.runtime;
  info.permissions = manifest.permissions;
  for (const ToolSpec& tool : manifest.tools) info.tools.push_back(tool.name);
  info.connectable = manifest.url.starts_with("https://");
  info.needs_connection = info.connectable && manifest.tools.empty();
  return info;
}

struct Reading {
  std::string folder;
  std::string file;  // empty: SKILL.md and the list
};

Result<std::string> read_text(const std::string& path, const std::string& name) {
  std::error_code failure;
  const auto size = std::filesystem::file_size(path, failure);
  if (failure || !std::filesystem::is_regular_file(std::filesystem::symlink_status(path))) {
    return make_error(Code::not_found, fmt::format("The skill has no file {}.", name));
  }
  if (size > kMostRead) {
    return make_error(Code::too_large, fmt::format("{} is {} bytes long; at most {} are read.", name, size, kMostRead));
  }
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!is_utf8(text)) return make_error(Code::invalid_argument, fmt::format("{} is no text.", name));
  return text;
}

Result<std::string> read_instructions(const Reading& reading) {
  const std::string name = reading.file.empty() ? "SKILL.md" : reading.file;
  LB_TRY(text, read_text(reading.folder + "/" + name, name));
  JsonWriter json;
  json.begin_object().field("file", name).field("content", text);
  if (reading.file.empty()) {
    std::vector<std::string> files;
    std::error_code failure;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(reading.folder, failure)) {
      if (!entry.is_regular_file() || files.size() >= kMostListed) continue;
      files.push_back(entry.path().lexically_relative(reading.folder).generic_string());
    }
    std::ranges::sort(files);
    json.key("files").begin_array();
    for (const std::string& file : files) {
      if (file != "SKILL.md") json.value(file);
    }
    json.end_array();
  }
  json.end_object();
  return std::move(json).take();
}

std::string text_of(const boost::json::object& object, std::string_view key) {
  const boost::json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

}  // namespace

Task<Result<Turn::Held>> Turn::take(std::stop_token stop) {
  while (taken_ && !stop.stop_requested()) co_await freed_.wait(stop);
  if (stop.stop_requested()) co_return make_error(Code::cancelled, "The change was stopped before it began.");
  co_return Held(*this);
}

SkillRegistry::Impl::Impl(RegistryParts parts)
    : parts_(std::move(parts)),
      skills_folder_(parts_.data_directory + "/skills"),
      builder_(std::move(parts_.official),
               [this](const std::string& workspace, const std::string& name, const std::string& hash) {
                 return version_folder(skills_folder_, workspace, name, hash);
               }),
      installer_(parts_.ids, skills_folder_, parts_.sandbox, parts_.runtime, parts_.fence),
      turn_(parts_.executor) {
  if (parts_.store != nullptr) sweep_leftovers(skills_folder_);
}

Status SkillRegistry::Impl::may_change(const Principal& principal) const {
  LB_CHECK(policy::require(principal, policy::Permission::manage_skills));
  if (parts_.store == nullptr) {
    return make_error(Code::failed_precondition, "This process keeps no skills; ask the server that does.");
  }
  // The id becomes part of a path.
  if (!is_uuid(principal.workspace_id)) return make_error(Code::invalid_argument, "The workspace's id is malformed.");
  return Ok{};
}

Task<Result<KnownSecrets>> SkillRegistry::Impl::known_secrets(Principal principal) {
  KnownSecrets known;
  if (parts_.secrets == nullptr) co_return known;
  LB_CO_TRY(secrets, co_await parts_.secrets->list(std::move(principal)));
  for (const SecretInfo& secret : secrets) {
    if (secret.scope.starts_with("skill/")) known.insert(secret.scope.substr(6) + "/" + secret.name);
  }
  co_return known;
}

Task<Result<std::shared_ptr<const ToolSet>>> SkillRegistry::Impl::tools(Principal principal,
                                                                        std::optional<std::int64_t> seen) {
  std::int64_t revision = seen.value_or(0);
  if (!seen && parts_.store != nullptr) {
    LB_CO_TRY(now, co_await parts_.store->revision(principal));
    revision = now;
  }
  if (const auto kept = kept_.find(principal.workspace_id); kept != kept_.end() && kept->second.revision == revision) {
    co_return kept->second.tools;
  }
  SkillShelf shelf;
  if (parts_.store != nullptr) {
    LB_CO_TRY(loaded, co_await parts_.store->load(principal));
    shelf = std::move(loaded);
  }
  LB_CO_TRY(secrets, co_await known_secrets(principal));
  auto made = builder_.build(principal.workspace_id, shelf, secrets);
  if (kept_.size() >= kKeptWorkspaces) kept_.erase(kept_.begin());
  kept_.insert_or_assign(principal.workspace_id, Kept{revision, made});
  co_return made;
}

Task<Result<std::string>> SkillRegistry::Impl::read_skill(std::shared_ptr<const ToolSet> tools,
                                                          std::string arguments_json) {
  boost::system::error_code failure;
  const boost::json::value arguments = boost::json::parse(arguments_json, failure);
  if (failure || !arguments.is_object()) co_return make_error(Code::invalid_argument, "The arguments are no object.");
  const std::string name = text_of(arguments.as_object(), "skill");
  Reading reading{"", text_of(arguments.as_object(), "file")};
  const auto known = tools->skills().find(name);
  if (known == tools->skills().end() || !known->second.manifest || !known->second.row.enabled ||
      known->second.manifest->runtime != kInstructionSkill) {
    co_return make_error(Code::not_found, fmt::format("There are no instructions named {}.", name.substr(0, 80)));
  }
  if (!reading.file.empty() && !manifest::is_inner_path(reading.file)) {
    co_return make_error(Code::invalid_argument, "The file must be one of the list that the skill has.");
  }
  reading.folder = known->second.manifest->directory;
  auto work = [reading]() { return read_instructions(reading); };
  co_return co_await installer_.blocking(work);
}

Task<Result<std::vector<SkillInfo>>> SkillRegistry::Impl::list(Principal principal) {
  LB_CO_CHECK(policy::require(principal, policy::Permission::see_skills));
  LB_CO_TRY(set, co_await tools(std::move(principal)));
  std::vector<SkillInfo> infos;
  for (const auto& [name, known] : set->skills()) infos.push_back(view_of(known));
  co_return infos;
}

Task<Result<SkillInfo>> SkillRegistry::Impl::get(Principal principal, std::string name) {
  LB_CO_CHECK(policy::require(principal, policy::Permission::see_skills));
  LB_CO_TRY(set, co_await tools(std::move(principal)));
  LB_CO_TRY(known, find(*set, name));
  co_return view_of(*known);
}

Result<const KnownSkill*> SkillRegistry::Impl::find(const ToolSet& tools, const std::string& name) {
  const auto found = tools.skills().find(name);
  if (found == tools.skills().end()) {
    return make_error(Code::not_found,
                      fmt::format("There is no skill named {}.", utf8_prefix(to_valid_utf8(name), 80)));
  }
  return &found->second;
}

Result<const KnownSkill*> SkillRegistry::Impl::find_installed(const ToolSet& tools, const std::string& name) {
  LB_TRY(known, find(tools, name));
  if (known->official) {
    return make_error(Code::failed_precondition,
                      fmt::format("The skill {} comes with Libre Bird and changes with it; it can be disabled.", name));
  }
  return known;
}

Status SkillRegistry::Impl::check_offer(const ToolSet& tools, const SkillManifest& manifest) {
  for (const ToolSpec& tool : manifest.tools) {
    const InstalledTool* taken = tools.find(tool.name);
    const bool ours = tool.name == kReadSkill;
    if (!ours && (taken == nullptr || taken->spec.skill == manifest.name)) continue;
    return make_error(
        Code::already_exists,
        fmt::format("The tool {} of the skill {} has the name of a tool of {}; disable one of the two.", tool.name,
                    manifest.name, ours ? "Libre Bird itself" : "the skill " + taken->spec.skill));
  }
  LB_CHECK(checkers_of(manifest));
  return Ok{};
}

Task<void> SkillRegistry::Impl::note(Principal principal, std::string name, std::string what) {
  if (parts_.audit == nullptr) co_return;
  AuditEvent event;
  event.kind = AuditKind::skill;
  event.principal = std::move(principal);
  event.subject = name;
  event.detail = std::move(what);
  const Status written = co_await parts_.audit->append(std::move(event));
  if (!written) {
    log::error("a change of the skills is not in the audit log", {{"skill", name}, {"cause", written.error().message}});
  }
}

Task<Result<SkillInfo>> SkillRegistry::Impl::change(Principal principal, std::string name, std::optional<bool> enabled,
                                                    std::optional<bool> pinned) {
  LB_CO_CHECK(may_change(principal));
  LB_CO_TRY(held, co_await turn_.take({}));
  LB_CO_TRY(set, co_await tools(principal));
  LB_CO_TRY(known, find(*set, name));
  if (pinned) LB_CO_CHECK(find_installed(*set, name));
  if (enabled == true && !known->row.enabled && known->manifest) {
    LB_CO_CHECK(check_offer(*set, *known->manifest));
  }
  LB_CO_CHECK(co_await parts_.store->change(principal, name, known->official, enabled, pinned));
  if (enabled) co_await note(principal, name, *enabled ? "enabled" : "disabled");
  if (pinned) co_await note(principal, name, *pinned ? "pinned" : "unpinned");
  co_return co_await get(std::move(principal), std::move(name));
}

Task<Result<SkillInfo>> SkillRegistry::Impl::set_setting(Principal principal, std::string name, std::string setting,
                                                         std::optional<std::string> value_json) {
  LB_CO_CHECK(may_change(principal));
  LB_CO_TRY(set, co_await tools(principal));
  LB_CO_TRY(known, find(*set, name));
  const auto found =
      std::ranges::find(known->settings, setting, [](const SkillSettingInfo& info) { return info.setting.name; });
  if (found == known->settings.end()) {
    co_return make_error(Code::not_found, fmt::format("The skill {} has no setting named {}.", name,
                                                      utf8_prefix(to_valid_utf8(setting), 80)));
  }
  if (value_json) {
    LB_CO_TRY(checked, manifest::check_setting(found->setting, *value_json));
    value_json = std::move(checked);
  }
  const bool secret_given = found->setting.type == SettingType::secret && value_json;
  if (found->setting.type == SettingType::secret) {
    if (parts_.secrets == nullptr) {
      co_return make_error(Code::failed_precondition, "This installation keeps no secrets; set up its master key.");
    }
    const std::string scope = "skill/" + name;
    if (value_json) {
      std::string value(boost::json::parse(*value_json).as_string());
      LB_CO_CHECK(co_await parts_.secrets->put(principal, scope, setting, std::move(value)));
    } else if (found->set) {
      LB_CO_CHECK(co_await parts_.secrets->remove(principal, scope, setting));
    }
    value_json.reset();  // only the revision is to move
  }
  const bool unset = !value_json && found->setting.type != SettingType::secret;
  LB_CO_CHECK(co_await parts_.store->set_setting(principal, name, setting, std::move(value_json)));
  co_await note(principal, name, fmt::format("setting {} {}", setting, unset ? "unset" : "changed"));
  // A token set by hand opens the server as a connection does.
  if (setting == manifest::kAccessToken && secret_given) LB_CO_CHECK(co_await learn_tools(principal, name, {}));
  co_return co_await get(std::move(principal), std::move(name));
}

SkillRegistry::SkillRegistry(RegistryParts parts) : impl_(std::make_unique<Impl>(std::move(parts))) {}
SkillRegistry::~SkillRegistry() = default;

Task<Result<std::shared_ptr<const ToolSet>>> SkillRegistry::tools(Principal principal,
                                                                  std::optional<std::int64_t> seen) {
  return impl_->tools(std::move(principal), seen);
}
Task<Result<std::string>> SkillRegistry::read_skill(std::shared_ptr<const ToolSet> tools, std::string arguments_json) {
  return impl_->read_skill(std::move(tools), std::move(arguments_json));
}
Task<Result<std::vector<SkillInfo>>> SkillRegistry::list_skills(Principal principal) {
  return impl_->list(std::move(principal));
}
Task<Result<SkillInfo>> SkillRegistry::get_skill(Principal principal, std::string name) {
  return impl_->get(std::move(principal), std::move(name));
}
Task<Result<SkillInfo>> SkillRegistry::install_skill(Principal principal, SkillSource source, std::stop_token stop) {
  return impl_->install(std::move(principal), std::move(source), std::move(stop));
}
Task<Result<SkillInfo>> SkillRegistry::update_skill(Principal principal, std::string name, SkillSource source,
                                                    std::stop_token stop) {
  return impl_->update(std::move(principal), std::move(name), std::move(source), std::move(stop));
}
Task<Result<SkillInfo>> SkillRegistry::change_skill(Principal principal, std::string name, std::optional<bool> enabled,
                                                    std::optional<bool> pinned) {
  return impl_->change(std::move(principal), std::move(name), enabled, pinned);
}
Task<Result<SkillInfo>> SkillRegistry::rollback_skill(Principal principal, std::string name, std::string hash) {
  return impl_->rollback(std::move(principal), std::move(name), std::move(hash));
}
Task<Status> SkillRegistry::remove_skill(Principal principal, std::string name) {
  return impl_->remove(std::move(principal), std::move(name));
}
Task<Result<std::string>> SkillRegistry::connect_skill(Principal principal, std::string name, std::string redirect_uri,
                                                       std::stop_token stop) {
  return impl_->connect(std::move(principal), std::move(name), std::move(redirect_uri), std::move(stop));
}
Task<Result<SkillConnection>> SkillRegistry::finish_connection(Principal principal, ConnectionAnswer answer,
                                                               std::stop_token stop) {
  return impl_->finish_connection(std::move(principal), std::move(answer), std::move(stop));
}
Task<Result<SkillConnection>> SkillRegistry::get_connection(Principal principal, std::string name) {
  return impl_->connection(std::move(principal), std::move(name));
}
Task<Status> SkillRegistry::disconnect_skill(Principal principal, std::string name) {
  return impl_->disconnect(std::move(principal), std::move(name));
}
Task<Result<SkillInfo>> SkillRegistry::set_skill_setting(Principal principal, std::string name, std::string setting,
                                                         std::optional<std::string> value_json) {
  return impl_->set_setting(std::move(principal), std::move(name), std::move(setting), std::move(value_json));
}

}  // namespace librebird::hands
