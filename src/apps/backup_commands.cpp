// `librebird backup`, `restore`, `verify`.
#include <fmt/format.h>

#include <librebird/cli/backup.hpp>
#include <librebird/storage/backup/backup.hpp>

#include <filesystem>
#include <fstream>

#include "backup_commands.hpp"

namespace librebird::apps {
namespace {

namespace fs = std::filesystem;

Result<std::string> key_text(const Platform& platform) {
  const std::string file = platform.data_dir + "/master.key";
  std::ifstream in(file, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (!platform.config.text("secrets.master_key").empty() || text.empty()) {
    return {
        Code::failed_precondition,
        fmt::format("--with-key takes the key from {}, and it is not kept there: back it up where it is kept.", file)};
  }
  return text;
}

int back_up(const BackupArguments& in) {
  auto platform = Platform::create(in.flags);
  if (!platform) return cli::fail(platform.error());
  const Platform& p = **platform;
  if (!p.config.text("storage.url").empty()) {
    return cli::fail(make_error(Code::failed_precondition,
                                "The database is on a server: save it with pg_dump, or copy it into a file with "
                                "`librebird migrate`, and the data folder as it is."));
  }
  storage::BackupOptions options{p.data_dir, in.flags.config_file, std::nullopt, LIBREBIRD_VERSION, in.force};
  if (options.config_file.empty() && fs::exists(p.data_dir + "/config.toml")) {
    options.config_file = p.data_dir + "/config.toml";
  }
  if (in.with_key) {
    auto key = key_text(p);
    if (!key) return cli::fail(key.error());
    options.key_text = std::move(key).value();
  }
  const auto report = storage::back_up(p.clock, options, in.file);
  if (!report) return cli::fail(report.error());
  return cli::report_backup(*report, p.data_dir);
}

int restore(const BackupArguments& in) {
  const SystemClock clock;
  const std::string data_dir = data_directory(in.flags);
  if (fs::exists(data_dir)) {
    if (const Status locked = lock_data_directory(data_dir); !locked) return cli::fail(locked.error());
  }
  const auto report = storage::restore(clock, {data_dir, in.force}, in.file);
  if (!report) return cli::fail(report.error());
  return cli::report_restore(*report, data_dir);
}

// The chains of the audit log in a database, with the keys that are at hand.
int verify_chains(const Flags& flags, const std::string& database, std::shared_ptr<KeyRing> keys, bool json) {
  auto config = load_config(flags);
  if (!config) return cli::fail(config.error());
  Platform platform;
  platform.config = std::move(config).value();
  StorageOptions options;
  options.path = database;
  options.keys = std::move(keys);
  auto opened = Storage::open(platform.loop, platform.clock, platform.ids, std::move(options));
  if (!opened && opened.error().code == Code::failed_precondition) {
    options.path = database;
    options.keys = nullptr;  // another key: the chains hold or break without it
    opened = Storage::open(platform.loop, platform.clock, platform.ids, std::move(options));
  }
  if (!opened) return cli::fail(opened.error());
  platform.storage = std::move(opened).value();
  return platform.run([&] { return cli::verify_audit(platform.as_operator(), {}, {}, json); });
}

int verify_file(const BackupArguments& in) {
  std::string scratch = (fs::temp_directory_path() / "librebird-verify-XXXXXX").string();
  if (::mkdtemp(scratch.data()) == nullptr) {
    return cli::fail(make_error(Code::unavailable, "There is no room for a temporary folder: set TMPDIR."));
  }
  const auto report = storage::verify_backup(in.file, scratch);
  int code = 1;
  if (!report) {
    code = cli::fail(report.error());
  } else {
    if (!in.json) cli::report_verified(*report);
    auto keys = KeyRing::open({.file = scratch + "/master.key", .writable = false});
    const bool with_key = keys && !(*keys)->ids().empty();
    code = verify_chains(in.flags, scratch + "/librebird.db", with_key ? *keys : nullptr, in.json);
  }
  std::error_code ignored;
  fs::remove_all(scratch, ignored);
  return code;
}

int verify_server(Platform& platform, bool json) {
  if (const Status opened = platform.open_storage(); !opened) return cli::fail(opened.error());
  if (const Status checked = platform.storage->check(); !checked) return cli::fail(checked.error());
  return platform.run([&] { return cli::verify_audit(platform.as_operator(), {}, {}, json); });
}

int verify(const BackupArguments& in) {
  if (!in.file.empty()) return verify_file(in);
  auto platform = Platform::create(in.flags);
  if (!platform) return cli::fail(platform.error());
  if (!(*platform)->config.text("storage.url").empty()) return verify_server(**platform, in.json);
  const std::string database = (*platform)->data_dir + "/librebird.db";
  const auto facts = storage::verify_data_folder((*platform)->data_dir);
  if (!facts) return cli::fail(facts.error());
  if (!in.json) cli::report_verified(database, *facts);
  const auto keys = (*platform)->open_keys();
  return verify_chains(in.flags, database, keys ? *keys : nullptr, in.json);
}

}  // namespace

void add_backup_commands(CLI::App& app, BackupArguments& in, int& code) {
  const auto declare = [&](const std::string& name, const std::string& help) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->add_option("--data-dir", in.flags.data_dir, "Data folder (default: XDG_DATA_HOME/librebird)");
    sub->add_option("--config", in.flags.config_file, "Configuration file (default: config.toml in the data folder)");
    return sub;
  };
  CLI::App* backup = declare("backup", "Write everything into one archive, also while it is served");
  backup->add_option("file", in.file, "The archive's name, or a folder to make it in")->required();
  backup->add_flag("--with-key", in.with_key, "With the master key, which opens all secrets in it");
  backup->add_flag("--force", in.force, "Replace the archive if it is there");
  backup->callback([&] { code = back_up(in); });
  CLI::App* from = declare("restore", "Make a data folder of a backup");
  from->add_option("file", in.file, "The archive")->required();
  from->add_flag("--force", in.force, "Put a data folder that is not empty aside");
  from->callback([&] { code = restore(in); });
  CLI::App* look = declare("verify", "Check a backup, or the data folder: hashes, database, audit log");
  look->add_option("file", in.file, "The archive; without it: the data folder");
  look->add_flag("--json", in.json, "One JSON object a line");
  look->callback([&] { code = verify(in); });
}

}  // namespace librebird::apps
