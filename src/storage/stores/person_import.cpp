// PersonStore::bring_in: rows of an export become the principal's own.
#include "person_import.hpp"

#include "brought_rows.hpp"
#include "membership.hpp"
#include "rows.hpp"

#include <fmt/format.h>

#include <set>

namespace librebird::storage {
namespace {

class Import {
 public:
  Import(Connection& db, const Principal& principal, const BroughtTable& table, bool dry_run)
      : db_(db), principal_(principal), table_(table), dry_run_(dry_run) {}

  Status take(BroughtRow row) {
    LB_TRY(own, own_id(table_.table, row.id));
    if (own.known) {
      ++done_.known;
      return Ok{};
    }
    if (table_.table == "messages") {
      LB_TRY(fits, refer(row));
      if (!fits) {
        ++done_.left_out;
        return Ok{};
      }
    }
    const auto size = static_cast<std::int64_t>(row.text("content").size());
    std::int64_t added = 1;
    if (!dry_run_) {
      LB_TRY(inserted, insert(row, own.id));
      added = inserted;
    }
    (added > 0 ? done_.added : done_.known) += 1;
    if (added > 0 && table_.table == "messages") done_.bytes += size;
    if (added > 0 && !dry_run_ && table_.table == "messages") {
      touched_.insert(row.text("conversation_id"));
      messages_.push_back(own.id);
    }
    return Ok{};
  }

  // After the last row of the batch.
  Status settle() {
    for (const std::string& conversation : touched_) {
      LB_CHECK(
          db_.execute("UPDATE conversations SET next_position = (SELECT MAX(m.position) + 1 FROM messages m WHERE "
                      "m.conversation_id = $1), bytes = (SELECT COALESCE(SUM(LENGTH(m.content)), 0) FROM messages m "
                      "WHERE m.conversation_id = $1) WHERE id = $1",
                      conversation));
    }
    return Ok{};
  }
  Brought done() && { return {done_, std::move(messages_)}; }

 private:
  struct Own {
    std::string id;
    bool known = false;
  };

  // The id under which a row of the export is the principal's: the old one, where that is still his; else a new one.
  Result<Own> own_id(std::string_view table, const std::string& id) {
    if (id.empty()) return Own{};  // no row of this table has one
    for (const std::string& candidate : {id, brought_id(principal_, table, id)}) {
      LB_TRY(mine, is_mine(table, candidate));
      if (mine) return Own{candidate, true};
    }
    return Own{brought_id(principal_, table, id), false};
  }

  Result<bool> is_mine(std::string_view table, const std::string& id) {
    auto number = [](const Row& row) { return row.integer(0); };
    LB_TRY(found, db_.one(fmt::format("SELECT 1 FROM {} WHERE id = $1 AND workspace_id = $2 AND user_id = $3", table),
                          number, id, principal_.workspace_id, principal_.user_id));
    return found.has_value();
  }

  // False: the message stands in a conversation that is not the person's.
  Result<bool> refer(BroughtRow& row) {
    LB_TRY(conversation, own_id("conversations", row.text("conversation_id")));
    if (!conversation.known && !dry_run_) return false;
    row.cells["conversation_id"] = conversation.id;
    LB_TRY(snapshot, own_id("context_snapshots", row.text("context_snapshot_id")));
    row.cells["context_snapshot_id"] = snapshot.known ? Cell(snapshot.id) : Cell(nullptr);
    row.cells["turn_id"] = brought_id(principal_, "turns", row.text("turn_id"));
    const std::string superseded = row.text("superseded_by");
    row.cells["superseded_by"] = superseded.empty() ? Cell(nullptr) : Cell(brought_id(principal_, "turns", superseded));
    return true;
  }

  Result<std::int64_t> insert(const BroughtRow& row, const std::string& id) {
    std::string names = "workspace_id, user_id";
    std::string values = "$1, $2";
    std::vector<Cell> cells{Cell(principal_.workspace_id), Cell(principal_.user_id)};
    const auto put = [&](std::string_view name, Cell cell) {
      cells.push_back(std::move(cell));
      names += fmt::format(", {}", name);
      values += fmt::format(", ${}", cells.size());
    };
    if (!id.empty()) put("id", Cell(id));
    for (const auto& [name, cell] : row.cells) put(name, cell);
    return db_.execute_with(
        fmt::format("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING", table_.table, names, values),
        to_params(cells));
  }

  Connection& db_;
  const Principal& principal_;
  const BroughtTable& table_;
  bool dry_run_;
  BroughtRows done_;
  std::set<std::string> touched_;
  std::vector<std::string> messages_;
};

}  // namespace

std::vector<std::string> names_of_brought_tables() {
  std::vector<std::string> names;
  for (const BroughtTable& each : all_brought_tables()) names.emplace_back(each.table);
  return names;
}

Result<Brought> bring_in(Connection& db, const Principal& principal, std::string_view table,
                         const std::vector<std::string>& rows, bool dry_run) {
  const BroughtTable* known = brought_table(table);
  if (known == nullptr) return {Code::invalid_argument, fmt::format("Rows of {} are not brought in.", table)};
  LB_TRY(role, find_role(db, principal.workspace_id, principal.user_id));
  if (!role) return not_found("workspace");
  Import import(db, principal, *known, dry_run);
  for (const std::string& json : rows) {
    LB_TRY(row, read_brought_row(*known, json));
    LB_CHECK(import.take(std::move(row)));
  }
  LB_CHECK(import.settle());
  return std::move(import).done();
}

}  // namespace librebird::storage
