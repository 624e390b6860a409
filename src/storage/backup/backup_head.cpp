#include "backup_head.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <librebird/base/json_writer.hpp>
#include <librebird/storage/sql/migrator.hpp>

namespace librebird::storage {
namespace {

namespace json = boost::json;

constexpr std::int64_t kFormatVersion = 1;
constexpr std::size_t kMostTables = 1000;

Error no_backup() {
  return make_error(Code::invalid_argument, "The archive is no backup of Libre Bird: take another file.");
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<std::int64_t> number_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? std::optional(value->get_int64()) : std::nullopt;
}

}  // namespace

std::string write_head(const BackupReport& report, std::string_view engine, std::string_view program) {
  JsonWriter out;
  out.begin_object().field("format", "librebird-backup").field("version", kFormatVersion).field("program", program);
  out.field("created_at", report.created_at).field("time", to_rfc3339(report.created_at)).field("engine", engine);
  out.field("schema", report.database.schema).field("key_id", report.database.key_id);
  out.field("with_key", report.with_key).key("tables").begin_object();
  for (const TableCount& table : report.database.tables) out.field(table.table, table.rows);
  out.end_object().end_object();
  return std::move(out).take();
}

Result<BackupReport> read_head(std::string_view text, std::string_view engine) {
  boost::system::error_code failure;
  const json::value value = json::parse(text, failure);
  const json::object* head = failure ? nullptr : value.if_object();
  if (head == nullptr || text_of(*head, "format") != "librebird-backup") return no_backup();
  const auto version = number_of(*head, "version");
  const auto schema = number_of(*head, "schema");
  const auto created = number_of(*head, "created_at");
  const json::value* tables = head->if_contains("tables");
  const json::value* with_key = head->if_contains("with_key");
  if (version && *version > kFormatVersion) {
    return {Code::failed_precondition, "The backup was written by a newer Libre Bird: restore it with that version."};
  }
  if (!version || !schema || !created || tables == nullptr || !tables->is_object() || with_key == nullptr ||
      !with_key->is_bool() || tables->get_object().size() > kMostTables) {
    return no_backup();
  }
  if (text_of(*head, "engine") != engine) {
    return {Code::failed_precondition,
            fmt::format("The backup holds a {} database, and this installation stores in {}: restore it where the "
                        "engine is the same.",
                        text_of(*head, "engine"), engine)};
  }
  BackupReport report;
  report.created_at = *created;
  report.with_key = with_key->get_bool();
  report.database.key_id = text_of(*head, "key_id");
  LB_CHECK(check_version(static_cast<int>(std::clamp<std::int64_t>(*schema, 0, 1'000'000)), "The backup"));
  report.database.schema = static_cast<int>(*schema);
  for (const auto& [name, rows] : tables->get_object()) {
    if (!rows.is_int64()) return no_backup();
    report.database.tables.push_back({std::string(name), rows.get_int64()});
  }
  return report;
}

bool is_backup_member(std::string_view path) {
  if (path == kDatabaseMember || path == kConfigMember || path == kKeyMember) return true;
  return std::ranges::any_of(kFolders, [&](std::string_view folder) {
    return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
  });
}

}  // namespace librebird::storage
