#include "brought_rows.hpp"

#include <librebird/base/sha256.hpp>
#include <librebird/core/model/conversation.hpp>
#include <librebird/core/model/personal.hpp>

#include <fmt/format.h>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <array>

#include "codec.hpp"

namespace librebird::storage {
namespace {

namespace json = boost::json;

constexpr std::size_t kIdLimit = 128;
constexpr std::size_t kTextLimit = 8 << 20;  // bytes of one value
constexpr std::int64_t kMostInteger = 1LL << 53;

constexpr std::array kTables = {
    BroughtTable{"context_snapshots", "id! taken_at#! app_name window_title focused_text bundle_id"},
    BroughtTable{"conversations", "id! title! archived#! created_at#! updated_at#!"},
    BroughtTable{"messages",
                 "id! conversation_id! position#! turn_id! role! content! parts status! error_code error_detail "
                 "model_provider model_name superseded_by created_at#! context_snapshot_id"},
    BroughtTable{"tasks", "id! title! description status! priority source source_id created_at#! completed_at#"},
    BroughtTable{"journal_entries", "id! entry_date! summary! activities tasks_extracted created_at#!"},
    BroughtTable{"memories", "id! memory_date! summary! app_names created_at#!"},
    BroughtTable{"knowledge_chunks", "id! source! chunk_index#! content! metadata! created_at#!"},
    BroughtTable{"user_settings", "name! value!"},
};

Error bad(std::string_view table, std::string_view what) {
  return make_error(Code::invalid_argument,
                    fmt::format("The archive cannot be used: a row of {} {}. Take another copy of it.", table, what));
}

struct Wanted {
  std::string_view name;
  bool integer = false;
  bool needed = false;
};

std::vector<Wanted> wanted(std::string_view columns) {
  std::vector<Wanted> out;
  while (!columns.empty()) {
    std::string_view name = columns.substr(0, columns.find(' '));
    columns.remove_prefix(std::min(columns.size(), name.size() + 1));
    Wanted column;
    column.needed = name.ends_with('!');
    if (column.needed) name.remove_suffix(1);
    column.integer = name.ends_with('#');
    if (column.integer) name.remove_suffix(1);
    column.name = name;
    out.push_back(column);
  }
  return out;
}

Result<Cell> cell_of(const json::value* value, const Wanted& column, std::string_view table) {
  if (value == nullptr || value->is_null()) {
    if (column.needed) return bad(table, fmt::format("has no {}", column.name));
    return Cell(nullptr);
  }
  if (column.integer) {
    const auto* number = value->if_int64();
    if (number == nullptr || *number < 0 || *number > kMostInteger) {
      return bad(table, fmt::format("has a {} that is no number it could be", column.name));
    }
    return Cell(*number);
  }
  const auto* text = value->if_string();
  if (text == nullptr || text->size() > kTextLimit) {
    return bad(table, fmt::format("has a {} that is no text, or too long", column.name));
  }
  return Cell(clean_text(std::string(std::string_view(*text))));
}

// What our own readers would stumble over later.
Status check_meaning(std::string_view table, const BroughtRow& row) {
  if (table == "messages") {
    const std::string role = row.text("role");
    if (role != "user" && role != "assistant") return bad(table, "has an unknown role");
    if (!message_status_from_string(row.text("status"))) return bad(table, "has an unknown status");
    const Cell& parts = row.cells.at("parts");
    std::optional<std::string> stored;
    if (const auto* text = std::get_if<std::string>(&parts)) stored = *text;
    if (!decode_parts(stored, row.text("content"))) return bad(table, "has parts that cannot be read");
  }
  if (table == "tasks") {
    if (!task_status_from_string(row.text("status"))) return bad(table, "has an unknown status");
    const std::string priority = row.text("priority");
    if (!priority.empty() && !task_priority_from_string(priority)) return bad(table, "has an unknown priority");
  }
  if (table == "journal_entries" && !check_day(row.text("entry_date"))) return bad(table, "is of a day there is not");
  if (table == "memories" && !check_day(row.text("memory_date"))) return bad(table, "is of a day there is not");
  return Ok{};
}

}  // namespace

std::span<const BroughtTable> all_brought_tables() { return kTables; }

const BroughtTable* brought_table(std::string_view name) {
  const auto found = std::ranges::find(kTables, name, &BroughtTable::table);
  return found == kTables.end() ? nullptr : &*found;
}

std::string BroughtRow::text(std::string_view column) const {
  const auto found = cells.find(column);
  const auto* text = found == cells.end() ? nullptr : std::get_if<std::string>(&found->second);
  return text == nullptr ? std::string() : *text;
}

Result<BroughtRow> read_brought_row(const BroughtTable& table, std::string_view text) {
  json::error_code failure;
  json::parse_options options;
  options.max_depth = 2;
  const json::value value = json::parse({text.data(), text.size()}, failure, {}, options);
  if (failure || !value.is_object()) return bad(table.table, "is not a JSON object");
  BroughtRow row;
  for (const Wanted& column : wanted(table.columns)) {
    LB_TRY(cell, cell_of(value.get_object().if_contains(column.name), column, table.table));
    if (column.name != "id") {
      row.cells.emplace(column.name, std::move(cell));
      continue;
    }
    row.id = std::get<std::string>(cell);
    if (row.id.empty() || row.id.size() > kIdLimit) return bad(table.table, "has no id that it could have");
  }
  LB_CHECK(check_meaning(table.table, row));
  return row;
}

std::string brought_id(const Principal& principal, std::string_view table, std::string_view id) {
  Sha256 hash;
  for (const std::string_view part : {std::string_view("librebird-export"), std::string_view(principal.user_id),
                                      std::string_view(principal.workspace_id), table, id}) {
    hash.update(fmt::format("{}:", part.size()));
    hash.update(part);
  }
  std::string hex = hash.finish();
  hex[12] = '8';
  hex[16] = "89ab"[hex[16] & 3];
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4), hex.substr(16, 4),
                     hex.substr(20, 12));
}

}  // namespace librebird::storage
