// The data folder and the database, and the master key that it is sealed under.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "platform.hpp"

namespace librebird::apps {
namespace {

// This process holds keys and secrets: a crash must not write them to a disk. Core files need a limit above one
// page; the limit of 1 also stops those that are piped to a program (core(5), fs/coredump.c).
void forbid_core_dumps() {
  rlimit limit{1, 1};
  if (::setrlimit(RLIMIT_CORE, &limit) == 0) return;
  limit = {0, 0};
  (void)::setrlimit(RLIMIT_CORE, &limit);
}

}  // namespace

std::vector<ConfigKey> storage_config_keys() {
  return {{"storage.url", ConfigType::text, std::string(), "DATABASE_URL", true,
           "postgresql://user:password@host:5432/database: keep everything there; empty: in a file of the data folder"},
          {"storage.migration_url", ConfigType::text, std::string(), "DATABASE_MIGRATION_URL", true,
           "The same database as the login that owns its tables, if storage.url names one without that power"},
          {"storage.pool", ConfigType::integer, std::int64_t{0}, "LIBREBIRD_STORAGE_POOL", false,
           "Connections to the PostgreSQL server, at most; 0: as suits its place"},
          {"secrets.master_key", ConfigType::text, std::string(), "LIBREBIRD_MASTER_KEY", true,
           "The master key, 64 hexadecimal digits; empty: from $CREDENTIALS_DIRECTORY/master.key or master.key in the "
           "data folder"},
          {"audit.retention_days", ConfigType::integer, std::int64_t{365}, "LIBREBIRD_AUDIT_RETENTION_DAYS", false,
           "Days after which rows of the audit log are removed; 0: never"}};
}

Result<std::shared_ptr<KeyRing>> Platform::open_keys() const {
  KeySource source;
  source.text = config.text("secrets.master_key");
  source.text_origin = "LIBREBIRD_MASTER_KEY (secrets.master_key)";
  source.file = data_dir + "/master.key";
  // https://systemd.io/CREDENTIALS
  if (const char* folder = std::getenv("CREDENTIALS_DIRECTORY"); folder != nullptr && *folder == '/') {
    const std::string handed = std::string(folder) + "/master.key";
    std::error_code failure;
    if (std::filesystem::exists(handed, failure)) {
      source.file = handed;
      source.writable = false;
    }
  }
  return KeyRing::open(std::move(source));
}

Result<StorageOptions> Platform::storage_options() const {
  forbid_core_dumps();
  StorageOptions options;
  options.path = data_dir + "/librebird.db";
  options.url = config.text("storage.url");
  options.migration_url = config.text("storage.migration_url");
  const std::int64_t connections = config.integer("storage.pool");
  if (connections < 0 || connections > 100) {
    return {Code::invalid_argument, fmt::format("{} connections make no pool (storage.pool, LIBREBIRD_STORAGE_POOL): "
                                                "choose 1 to 100, or 0 for what suits the "
                                                "server's place.",
                                                connections)};
  }
  options.connections = static_cast<int>(connections);
  return options;
}

Status Platform::open_storage(bool forget_lost_key) {
  std::error_code failure;
  const bool made = std::filesystem::create_directories(data_dir, failure);
  if (failure) {
    return make_error(Code::failed_precondition,
                      fmt::format("The data folder {} cannot be made: {}. Choose another with --data-dir.", data_dir,
                                  failure.message()));
  }
  if (made) ::chmod(data_dir.c_str(), 0700);
  LB_TRY(options, storage_options());
  LB_TRY(keys, open_keys());
  options.keys = std::move(keys);
  options.forget_lost_key = forget_lost_key;
  LB_TRY(opened, Storage::open(loop, clock, ids, std::move(options)));
  storage = std::move(opened);
  return Ok{};
}

Status Platform::open_rehearsal() {
  LB_TRY(options, storage_options());
  options.rehearse = options.url.empty();
  LB_TRY(opened, Storage::open(loop, clock, ids, std::move(options)));
  storage = std::move(opened);
  return Ok{};
}

}  // namespace librebird::apps
