#include "moving_commands.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

namespace librebird::apps {
namespace {

// Where the desktop app kept documents, if it did.
std::string knowledge_folder() {
  const char* home = std::getenv("HOME");
  if (home == nullptr) return "";
  const std::string folder = std::string(home) + "/.libre-bird/knowledge";
  std::error_code failure;
  return std::filesystem::exists(folder + "/chroma.sqlite3", failure) ? folder : "";
}

std::string backup_file(const Platform& platform) {
  std::string name = to_rfc3339(platform.clock.unix_now());
  std::erase(name, ':');
  return fmt::format("{}/backups/before-import-{}.db", platform.data_dir, name);
}

int import_legacy(MovingArguments& in) {
  auto platform = Platform::create(in.base.flags);
  if (!platform) return cli::fail(platform.error());
  Platform& p = **platform;
  const bool rehearsal = in.legacy.import.dry_run;
  if (const Status opened = rehearsal ? p.open_rehearsal() : p.open_storage(); !opened)
    return cli::fail(opened.error());
  if (!rehearsal) in.legacy.import.backup = backup_file(p);
  in.legacy.make_owner = !rehearsal || p.config.text("storage.url").empty();
  if (in.legacy.import.knowledge.empty()) in.legacy.import.knowledge = knowledge_folder();
  in.legacy.import.skill_data = p.data_dir + "/skill-data";
  in.legacy.json = in.base.json;
  return p.run([&] { return cli::import_legacy(p.as_operator(), p.storage->legacy(), in.legacy); });
}

// Both without keys: what is sealed is moved as it is.
Result<std::unique_ptr<Storage>> open_source(Platform& p) {
  LB_TRY(options, p.storage_options());
  std::error_code failure;
  if (options.url.empty() && !std::filesystem::exists(options.path, failure)) {
    return {Code::not_found, fmt::format("There is no {} to move.", options.path)};
  }
  return Storage::open(p.loop, p.clock, p.ids, std::move(options));
}

Result<std::unique_ptr<Storage>> open_target(Platform& p, const std::string& target) {
  LB_TRY(options, p.storage_options());
  const bool from_file = options.url.empty();
  const bool is_server = target.starts_with("postgresql://") || target.starts_with("postgres://");
  options.url = is_server ? target : "";
  std::error_code failure;
  if (from_file && !is_server && std::filesystem::equivalent(target, options.path, failure)) {
    return {Code::invalid_argument, fmt::format("{} is the same file: name a new one.", target)};
  }
  options.path = target;
  return Storage::open(p.loop, p.clock, p.ids, std::move(options));
}

Task<Result<MoveReport>> copy(Storage& from, Storage& to, std::function<void(const MoveProgress&)> progress) {
  co_return co_await from.copy_to(to, std::move(progress));
}

int migrate(MovingArguments& in) {
  auto platform = Platform::create(in.base.flags);
  if (!platform) return cli::fail(platform.error());
  Platform& p = **platform;
  // Nobody may write meanwhile.
  std::error_code failure;
  if (std::filesystem::exists(p.data_dir, failure)) {
    if (const Status locked = lock_data_directory(p.data_dir); !locked) return cli::fail(locked.error());
  }
  auto source = open_source(p);
  if (!source) return cli::fail(source.error());
  auto target = open_target(p, in.target);
  if (!target) return cli::fail(target.error());
  auto move = [&](std::function<void(const MoveProgress&)> progress) {
    return copy(**source, **target, std::move(progress));
  };
  return p.run([&] { return cli::move_database(move, in.base.json); });
}

}  // namespace

void add_moving(CLI::App& app, MovingArguments& in, int& code) {
  CLI::App* legacy = command(app, "import-legacy", "Move in from the desktop app: everything it kept", in.base);
  LegacyImport& import = in.legacy.import;
  legacy->add_option("path", import.path, "Its folder, or its database; never written")->required();
  legacy->add_option("--user", in.legacy.user, "Whose it is, by e-mail address or id (default: the owner's)");
  legacy->add_option("--workspace", in.legacy.workspace, "Id of the workspace (default: the user's own)");
  legacy->add_option("--timezone", import.timezone, "Where its clock stood, like Europe/Berlin (default: as here)");
  legacy->add_option("--knowledge", import.knowledge, "Folder of its documents (default: ~/.libre-bird/knowledge)");
  legacy->add_flag("--dry-run", import.dry_run, "Only tell what would happen");
  legacy->add_flag("--skip-unknown", import.skip_unknown, "Leave out tables and columns nobody knows");
  legacy->add_flag("--json", in.base.json, "The report as one JSON object");
  legacy->callback([&] { code = import_legacy(in); });
  CLI::App* moving = command(app, "migrate", "Move everything to another database, and compare", in.base);
  moving->add_option("--to", in.target, "postgresql://user@host/database, or a new database file")->required();
  moving->add_flag("--json", in.base.json, "The report as one JSON object");
  moving->callback([&] { code = migrate(in); });
}

}  // namespace librebird::apps
