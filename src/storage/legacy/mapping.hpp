#pragma once

// What each table of the desktop app becomes here. Private; one thread.
//
// A row's id is derived from whose it is, its table, its old number and when it was made: the same row gets the same id
// in every run and from every copy of the database, and rows of two installations do not meet.

#include <librebird/core/model/principal.hpp>
#include <librebird/storage/sql/cell.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "local_times.hpp"
#include "row_reader.hpp"

namespace librebird::storage::legacy {

// Where rows of one kind go. Every table has workspace_id and user_id beside these columns.
struct Target {
  std::string_view table;
  std::vector<std::string_view> columns;  // the first one tells a user's rows apart
  std::size_t compared = 0;  // so many of them must be the same afterwards; the others live on
  std::string_view kind;  // in legacy_ids; empty: its number is not kept
};

// A row as it is to stand here.
struct MappedRow {
  std::int64_t number = 0;  // in the source
  std::vector<Cell> cells;  // by Target::columns
};

struct SourceTable {
  std::string_view name;
  // One parameter: rows with a larger number follow, in order. The number is the first column, then `columns`.
  std::string select;
  std::string next;  // the next number alone
  std::string count;
  std::vector<std::string> columns;
  Target target;
  // nullopt: not a row to be stored (a secret), or the reader holds the reason why not.
  std::function<std::optional<std::vector<Cell>>(std::int64_t number, RowReader& row)> map;
};

// Lower-case UUID, version 8 (RFC 9562).
[[nodiscard]] std::string derived_id(const Principal& principal, std::string_view table, std::string_view key,
                                     std::string_view made);
// Whether a setting's name says that its value is a secret.
[[nodiscard]] bool is_secret_name(std::string_view name);

// The tables of one source, in the order in which they must be read: rows refer to rows of tables before.
class Mapping {
 public:
  Mapping(Principal principal, LocalTimes times) : principal_(std::move(principal)), times_(std::move(times)) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  // Valid as long as this object.
  [[nodiscard]] std::vector<SourceTable> tables();
  // `flags`: whether that database can hold true and false.
  [[nodiscard]] SourceTable knowledge(bool flags);
  // Before all tables are read anew.
  void begin();
  // Settings that are secrets, of the tables read since begin().
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& secrets() const { return secrets_; }

 private:
  using Cells = std::optional<std::vector<Cell>>;
  struct Talk {
    std::string id;
    std::string turn_id;  // of its last question
  };

  Cells setting(RowReader& row);
  Cells snapshot(std::int64_t number, RowReader& row);
  Cells conversation(std::int64_t number, RowReader& row);
  Cells message(std::int64_t number, RowReader& row);
  Cells journal_entry(RowReader& row);
  Cells task(std::int64_t number, RowReader& row);
  Cells memory(std::int64_t number, RowReader& row);
  Cells chunk(RowReader& row);

  [[nodiscard]] std::string id(std::string_view table, std::int64_t number, std::string_view made) const {
    return derived_id(principal_, table, std::to_string(number), made);
  }
  // Rows were written in the order of their numbers, so a clock that was put back shows in a time.
  UnixMillis made_at(RowReader& row, std::string_view column);

  Principal principal_;
  LocalTimes times_;
  std::string_view current_;  // the table that is being read
  UnixMillis last_ = 0;  // the last time in it
  std::unordered_map<std::int64_t, Talk> talks_;
  std::unordered_map<std::int64_t, std::string> snapshots_;
  std::vector<std::pair<std::string, std::string>> secrets_;
};

}  // namespace librebird::storage::legacy
