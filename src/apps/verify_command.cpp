// `librebird verify`.
#include <librebird/cli/backup.hpp>
#include <librebird/storage/backup/backup.hpp>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>

#include "backup_commands.hpp"
#include "export_database.hpp"

namespace librebird::apps {
namespace {

namespace fs = std::filesystem;

// The chains of the audit log in a database, with the keys that are at hand.
int verify_chains(const Flags& flags, const std::string& database, std::shared_ptr<KeyRing> keys, bool json) {
  auto config = load_config(flags);
  if (!config) return cli::fail(config.error());
  Platform platform;
  platform.config = std::move(config).value();
  const auto open = [&](std::shared_ptr<KeyRing> with) {
    return Storage::open(platform.loop, platform.clock, platform.ids, {.path = database, .keys = std::move(with)});
  };
  auto opened = open(std::move(keys));
  // Another key: the chains hold or break without it.
  if (!opened && opened.error().code == Code::failed_precondition) opened = open(nullptr);
  if (!opened) return cli::fail(opened.error());
  platform.storage = std::move(opened).value();
  return platform.run([&] { return cli::verify_audit(platform.as_operator(), {}, {}, json); });
}

// Does `look(folder)` with a folder that is gone afterwards.
int with_scratch(const std::function<int(const std::string&)>& look) {
  std::string scratch = (fs::temp_directory_path() / "librebird-verify-XXXXXX").string();
  if (::mkdtemp(scratch.data()) == nullptr) {
    return cli::fail(make_error(Code::unavailable, "There is no room for a temporary folder: set TMPDIR."));
  }
  const int code = look(scratch);
  std::error_code ignored;
  fs::remove_all(scratch, ignored);
  return code;
}

int verify_file(const BackupArguments& in, const std::string& scratch) {
  const auto report = storage::verify_backup(in.file, scratch);
  if (!report) return cli::fail(report.error());
  if (!in.json) cli::report_verified(*report);
  auto keys = KeyRing::open({.file = scratch + "/master.key", .writable = false});
  const bool with_key = keys && !(*keys)->ids().empty();
  return verify_chains(in.flags, scratch + "/librebird.db", with_key ? *keys : nullptr, in.json);
}

// The database in use: a file in the data folder, or one moment of it in a folder of ours.
int verify_database(const BackupArguments& in, const Platform& platform, const std::string& folder) {
  const auto facts = storage::verify_data_folder(folder);
  if (!facts) return cli::fail(facts.error());
  const std::string database = folder + "/librebird.db";
  if (!in.json) cli::report_verified(is_on_server(platform) ? "the database on its server" : database, *facts);
  const auto keys = platform.open_keys();
  return verify_chains(in.flags, database, keys ? *keys : nullptr, in.json);
}

}  // namespace

int verify(const BackupArguments& in) {
  if (!in.file.empty()) return with_scratch([&](const std::string& scratch) { return verify_file(in, scratch); });
  auto platform = Platform::create(in.flags);
  if (!platform) return cli::fail(platform.error());
  Platform& p = **platform;
  if (!is_on_server(p)) return verify_database(in, p, p.data_dir);
  return with_scratch([&](const std::string& scratch) {
    const Status exported = export_database(p, scratch + "/librebird.db");
    return exported ? verify_database(in, p, scratch) : cli::fail(exported.error());
  });
}

}  // namespace librebird::apps
