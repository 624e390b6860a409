#include "row_writer.hpp"

#include <fmt/format.h>

namespace librebird::storage::legacy {
namespace {

std::string placeholders(std::size_t count) {
  std::string out;
  for (std::size_t i = 1; i <= count; ++i) out += fmt::format("{}${}", i == 1 ? "" : ", ", i);
  return out;
}

std::string id_of(const Principal& principal, const Kept& kept) {
  return derived_id(principal, "quarantine/" + kept.source_table, kept.source_id,
                    kept.outcome + kept.reason + kept.content);
}

}  // namespace

RowWriter::RowWriter(const Principal& principal, const Target& target)
    : principal_(principal), target_(target), is_message_(target.table == "messages") {
  const std::span<const std::string_view> compared(target.columns.data(), target.compared);
  select_ = fmt::format("SELECT {} FROM {} WHERE {} = $1 AND workspace_id = $2 AND user_id = $3",
                        fmt::join(compared, ", "), target.table, target.columns.front());
  const std::string_view extra = is_message_ ? ", position, status" : "";
  insert_ =
      fmt::format("INSERT INTO {} ({}, workspace_id, user_id{}) VALUES ({}{}) ON CONFLICT DO NOTHING", target.table,
                  fmt::join(target.columns, ", "), extra,
                  placeholders(target.columns.size() + 2 + (is_message_ ? 1 : 0)), is_message_ ? ", 'complete'" : "");
}

std::string RowWriter::text_of(const MappedRow& row) const {
  std::string out;
  for (std::size_t i = 0; i < target_.compared; ++i) append_cell(out, row.cells[i]);
  return out;
}

Result<std::optional<std::string>> RowWriter::stored_text(Connection& db, const MappedRow& row) const {
  auto text = [&](const Row& stored) {
    std::string out;
    for (std::size_t i = 0; i < target_.compared; ++i) {
      const int column = static_cast<int>(i);
      // Numbers have the same text.
      append_cell(out, stored.is_null(column) ? Cell(nullptr) : Cell(stored.string(column)));
    }
    return out;
  };
  return db.one(select_, text, to_param(row.cells.front()), principal_.workspace_id, principal_.user_id);
}

Result<std::optional<std::int64_t>> RowWriter::take_position(Connection& db, const MappedRow& row) const {
  auto number = [](const Row& r) { return r.integer(0); };
  const Param content = to_param(row.cells[3]);
  const auto* text = std::get_if<std::string_view>(&content);
  const std::size_t bytes = text == nullptr ? 0 : text->size();
  return db.one(
      "UPDATE conversations SET next_position = next_position + 1, bytes = bytes + $5, updated_at = CASE WHEN "
      "updated_at < $4 THEN $4 "
      "ELSE updated_at END WHERE id = $1 AND workspace_id = $2 AND user_id = $3 RETURNING next_position - 1",
      number, to_param(row.cells[1]), principal_.workspace_id, principal_.user_id, to_param(row.cells[4]), bytes);
}

Result<bool> RowWriter::insert(Connection& db, const MappedRow& row) const {
  std::vector<Param> params = to_params(row.cells);
  params.emplace_back(std::string_view(principal_.workspace_id));
  params.emplace_back(std::string_view(principal_.user_id));
  if (is_message_) {
    LB_TRY(position, take_position(db, row));
    if (!position) {
      return {Code::failed_precondition,
              "A conversation was deleted while its messages were imported: run the import again."};
    }
    params.emplace_back(*position);
  }
  LB_TRY(inserted, db.execute_with(insert_, params));
  if (inserted > 0 && !target_.kind.empty()) {
    LB_CHECK(
        db.execute("INSERT INTO legacy_ids (workspace_id, user_id, kind, number, id) VALUES ($1, $2, $3, $4, $5) "
                   "ON CONFLICT DO NOTHING",
                   principal_.workspace_id, principal_.user_id, target_.kind, row.number, params.front()));
  }
  return inserted > 0;
}

Result<bool> is_kept(Connection& db, const Principal& principal, const Kept& kept) {
  auto number = [](const Row& row) { return row.integer(0); };
  LB_TRY(found, db.one("SELECT 1 FROM legacy_quarantine WHERE id = $1 AND workspace_id = $2 AND user_id = $3", number,
                       id_of(principal, kept), principal.workspace_id, principal.user_id));
  return found.has_value();
}

Status keep(Connection& db, const Principal& principal, const Kept& kept, UnixMillis now) {
  LB_CHECK(
      db.execute("INSERT INTO legacy_quarantine (id, workspace_id, user_id, source_table, source_id, outcome, reason, "
                 "content, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
                 id_of(principal, kept), principal.workspace_id, principal.user_id, kept.source_table, kept.source_id,
                 kept.outcome, kept.reason, kept.content, now));
  return Ok{};
}

}  // namespace librebird::storage::legacy
