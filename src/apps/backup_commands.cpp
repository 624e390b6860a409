// `librebird backup`, `restore`.
#include <fmt/format.h>

#include <librebird/cli/backup.hpp>
#include <librebird/storage/backup/backup.hpp>

#include <filesystem>
#include <fstream>

#include "backup_commands.hpp"
#include "export_database.hpp"

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
  Platform& p = **platform;
  storage::BackupOptions options{p.data_dir, in.flags.config_file, std::nullopt, LIBREBIRD_VERSION, in.force, {}};
  if (is_on_server(p)) options.export_to = [&p](const std::string& file) { return export_database(p, file); };
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
  auto platform = Platform::create(in.flags);
  if (!platform) return cli::fail(platform.error());
  Platform& p = **platform;
  if (fs::exists(p.data_dir)) {
    if (const Status locked = lock_data_directory(p.data_dir); !locked) return cli::fail(locked.error());
  }
  storage::RestoreOptions options{p.data_dir, in.force, {}};
  if (is_on_server(p)) {
    options.import_from = [&](const std::string& file) { return import_database(p, file, in.replace_database); };
  } else if (in.replace_database) {
    return cli::fail(make_error(Code::invalid_argument,
                                "--replace-database is for a database on a server: set DATABASE_URL. A data folder is "
                                "put aside with --force."));
  }
  const auto report = storage::restore(p.clock, options, in.file);
  if (!report) return cli::fail(report.error());
  return cli::report_restore(*report, p.data_dir, is_on_server(p));
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
  CLI::App* from =
      declare("restore", "Make an installation of a backup: the data folder, and the database if it is on a server");
  from->add_option("file", in.file, "The archive")->required();
  from->add_flag("--force", in.force, "Put a data folder that is not empty aside");
  from->add_flag("--replace-database", in.replace_database,
                 "Delete what the database on the server holds, for good, and put the backup in its place");
  from->callback([&] { code = restore(in); });
  CLI::App* look = declare("verify", "Check a backup, or the database in use: hashes, database, audit log");
  look->add_option("file", in.file, "The archive; without it: the database in use");
  look->add_flag("--json", in.json, "One JSON object a line");
  look->callback([&] { code = verify(in); });
}

}  // namespace librebird::apps
