#include <librebird/storage/copy/database_copy.hpp>

#include <librebird/base/random.hpp>
#include <librebird/core/ports/embedding_store.hpp>
#include <librebird/storage/sql/cell.hpp>
#include <librebird/storage/sql/vector.hpp>

#include <fmt/format.h>

#include <span>

#include "catalogue.hpp"

namespace librebird::storage {
namespace {

using copying::Column;
using copying::Kind;
using copying::Table;

constexpr int kBatchRows = 500;
constexpr int kTogether = 50;  // rows in one statement, which keeps it far below every engine's parameters
constexpr std::size_t kBatchBytes = 8 * 1024 * 1024;

struct Batch {
  std::vector<std::vector<Cell>> rows;
  bool end = false;
};

// Rows of a table in the order of its key, a batch at a time.
class TableReader {
 public:
  TableReader(CopySide side, const Table& table)
      : side_(side),
        table_(table),
        first_(table.select(side.dialect, false, kBatchRows)),
        next_(table.select(side.dialect, true, kBatchRows)) {}

  Task<Result<Batch>> next() {
    auto work = [this](Connection& db) { return read(db); };
    auto batch = co_await side_.database.read(kService, work);
    if (batch && !batch->rows.empty()) remember(batch->rows.back());
    co_return batch;
  }

 private:
  Result<Batch> read(Connection& db) const {
    Batch batch;
    std::size_t bytes = 0;
    std::size_t seen = 0;
    auto take = [&](const Row& row) -> Status {
      ++seen;
      if (bytes >= kBatchBytes) return Ok{};
      std::vector<Cell> cells;
      for (std::size_t i = 0; i < table_.columns.size(); ++i) {
        const int column = static_cast<int>(i);
        if (row.is_null(column)) {
          cells.emplace_back(nullptr);
        } else if (table_.columns[i].kind == Kind::number) {
          cells.emplace_back(row.integer(column));
        } else if (table_.columns[i].kind == Kind::vector && side_.dialect == Dialect::postgres) {
          LB_TRY(vector, bytes_of_array(row.text(column), kEmbeddingDimensions));
          bytes += vector.size();
          cells.emplace_back(std::move(vector));
        } else {
          bytes += row.text(column).size();
          cells.emplace_back(row.string(column));
        }
      }
      batch.rows.push_back(std::move(cells));
      return Ok{};
    };
    LB_CHECK(db.each_with(last_.empty() ? first_ : next_, take, to_params(last_)));
    batch.end = seen < static_cast<std::size_t>(kBatchRows) && batch.rows.size() == seen;
    return batch;
  }

  void remember(const std::vector<Cell>& row) {
    last_.clear();
    for (const Column& key : table_.key) {
      for (std::size_t i = 0; i < table_.columns.size(); ++i) {
        if (table_.columns[i].name == key.name) last_.push_back(row[i]);
      }
    }
  }

  CopySide side_;
  const Table& table_;
  std::string first_;
  std::string next_;
  std::vector<Cell> last_;  // the key of the last row
};

std::string text_of(const std::vector<Cell>& row) {
  std::string out;
  for (const Cell& cell : row) append_cell(out, cell);
  return out;
}

class Copy {
 public:
  Copy(CopySide from, CopySide to, std::function<void(const MoveProgress&)> progress)
      : from_(from), to_(to), progress_(std::move(progress)) {}

  Task<Result<MoveReport>> run(bool replace) {
    LB_CO_CHECK(co_await read_catalogue());
    if (replace) LB_CO_CHECK(co_await empty_target());
    LB_CO_CHECK(co_await check_target());
    MoveReport report;
    for (const Table& table : tables_) {
      MovedTable& moved = report.tables.emplace_back();
      moved.name = table.name;
      LB_CO_CHECK(co_await copy(table, moved));
    }
    LB_CO_CHECK(co_await continue_numbers());
    report.verified = true;
    for (std::size_t i = 0; i < tables_.size(); ++i) {
      MovedTable& moved = report.tables[i];
      LB_CO_TRY(source, co_await hash(from_, tables_[i]));
      LB_CO_TRY(target, co_await hash(to_, tables_[i]));
      moved.source_sha256 = std::move(source);
      moved.target_sha256 = std::move(target);
      report.verified = report.verified && moved.source_sha256 == moved.target_sha256;
    }
    co_return report;
  }

 private:
  Task<Status> read_catalogue() {
    if (from_.dialect != Dialect::sqlite && to_.dialect != Dialect::sqlite) {
      co_return make_error(Code::failed_precondition,
                           "Neither database is a file of Libre Bird: move between two servers with their own tools.");
    }
    Database& sqlite = from_.dialect == Dialect::sqlite ? from_.database : to_.database;
    auto read = [](Connection& db) { return copying::catalogue(db); };
    LB_CO_TRY(tables, co_await sqlite.read(kService, read));
    tables_ = std::move(tables);
    auto count = [this](Connection& db) -> Result<std::int64_t> {
      std::int64_t rows = 0;
      auto number = [](const Row& row) { return row.integer(0); };
      for (const Table& table : tables_) {
        LB_TRY(found, db.one("SELECT COUNT(*) FROM " + table.name, number));
        rows += found.value_or(0);
      }
      return rows;
    };
    LB_CO_TRY(total, co_await from_.database.read(kService, count));
    total_ = 3 * total;  // copied, and read on both sides
    co_return Ok{};
  }

  // What refers to a row goes before it.
  Task<Status> empty_target() {
    auto work = [this](Connection& db) -> Status {
      for (auto table = tables_.rbegin(); table != tables_.rend(); ++table) {
        LB_CHECK(db.execute("DELETE FROM " + table->name));
      }
      return Ok{};
    };
    co_return co_await to_.database.write(kService, work);
  }

  // Users that the source does not know are somebody else's installation.
  Task<Status> check_target() {
    for (const Table& table : tables_) {
      if (table.name != "users") continue;
      TableReader reader(to_, table);
      for (bool end = false; !end;) {
        LB_CO_TRY(batch, co_await reader.next());
        end = batch.end;
        auto known = [&](Connection& db) -> Result<bool> {
          auto number = [](const Row& row) { return row.integer(0); };
          for (const std::vector<Cell>& row : batch.rows) {
            LB_TRY(found, db.one("SELECT 1 FROM users WHERE id = $1", number, to_param(row.front())));
            if (!found) return false;
          }
          return true;
        };
        LB_CO_TRY(same, co_await from_.database.read(kService, known));
        if (!same) {
          co_return make_error(Code::failed_precondition,
                               "The target holds another installation already: choose an empty database. Nothing was "
                               "changed.");
        }
      }
    }
    co_return Ok{};
  }

  Task<Status> copy(const Table& table, MovedTable& moved) {
    TableReader reader(from_, table);
    const std::string many = table.insert(to_.dialect, kTogether);
    const std::string single = table.insert(to_.dialect, 1);
    for (bool end = false; !end;) {
      LB_CO_TRY(batch, co_await reader.next());
      end = batch.end;
      LB_CO_CHECK(convert(table, batch));
      auto write = [&](Connection& db) -> Result<std::int64_t> {
        std::int64_t inserted = 0;
        std::vector<Param> params;
        for (std::span<const std::vector<Cell>> left(batch.rows); !left.empty();) {
          const std::size_t rows = left.size() < std::size_t{kTogether} ? 1 : kTogether;
          params.clear();
          for (const std::vector<Cell>& row : left.first(rows)) {
            for (const Cell& cell : row) params.push_back(to_param(cell));
          }
          LB_TRY(count, db.execute_with(rows == 1 ? single : many, params));
          inserted += count;
          left = left.subspan(rows);
        }
        return inserted;
      };
      if (!batch.rows.empty()) {
        LB_CO_TRY(copied, co_await to_.database.write(kService, write));
        moved.copied += copied;
      }
      moved.rows += static_cast<std::int64_t>(batch.rows.size());
      tell(table.name, batch.rows.size());
    }
    co_return Ok{};
  }

  // To what the target takes.
  Status convert(const Table& table, Batch& batch) const {
    if (to_.dialect != Dialect::postgres) return Ok{};
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      if (table.columns[i].kind != Kind::vector) continue;
      for (std::vector<Cell>& row : batch.rows) {
        auto* bytes = std::get_if<std::string>(&row[i]);
        if (bytes == nullptr) continue;
        LB_TRY(text, array_of_bytes(*bytes, kEmbeddingDimensions));
        *bytes = std::move(text);
      }
    }
    return Ok{};
  }

  // Rows that number themselves go on behind those that came with a number.
  Task<Status> continue_numbers() {
    if (to_.dialect == Dialect::sqlite) co_return Ok{};
    auto work = [this](Connection& db) -> Status {
      for (const Table& table : tables_) {
        if (table.key.size() != 1 || table.key[0].kind != Kind::number) continue;
        auto ignore = [](const Row&) {};
        const std::string sequence = fmt::format("pg_get_serial_sequence('{}', '{}')", table.name, table.key[0].name);
        LB_CHECK(db.each(fmt::format("SELECT setval({0}, (SELECT GREATEST(COALESCE(MAX({1}), 0), 1) FROM {2})) WHERE "
                                     "{0} IS NOT NULL",
                                     sequence, table.key[0].name, table.name),
                         ignore));
      }
      return Ok{};
    };
    co_return co_await to_.database.write(kService, work);
  }

  Task<Result<std::string>> hash(CopySide side, const Table& table) {
    TableReader reader(side, table);
    std::string hash = sha256_hex("");
    for (bool end = false; !end;) {
      LB_CO_TRY(batch, co_await reader.next());
      end = batch.end;
      for (const std::vector<Cell>& row : batch.rows) hash = sha256_hex(hash + text_of(row));
      tell("comparing", batch.rows.size());
    }
    co_return hash;
  }

  void tell(std::string_view what, std::size_t rows) {
    done_ += static_cast<std::int64_t>(rows);
    if (progress_) progress_({what, std::min(done_, total_), total_});
  }

  CopySide from_;
  CopySide to_;
  std::function<void(const MoveProgress&)> progress_;
  std::vector<Table> tables_;
  std::int64_t done_ = 0;
  std::int64_t total_ = 0;
};

}  // namespace

Task<Result<MoveReport>> copy_database(CopySide from, CopySide to, bool replace,
                                       std::function<void(const MoveProgress&)> progress) {
  Copy copy(from, to, std::move(progress));
  co_return co_await copy.run(replace);
}

}  // namespace librebird::storage
