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
  if (in.legacy.import.knowledge.empty()) in.legacy.import.knowledge = knowledge_folder();
  in.legacy.import.skill_data = p.data_dir + "/skill-data";
  in.legacy.json = in.base.json;
  return p.run([&] { return cli::import_legacy(p.as_operator(), p.storage->legacy(), in.legacy); });
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
}

}  // namespace librebird::apps
