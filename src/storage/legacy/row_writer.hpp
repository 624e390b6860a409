#pragma once

// Rows that came from the desktop app in our own database: found, compared, written. Private; inside database work.

#include <librebird/core/model/principal.hpp>
#include <librebird/storage/sql/database.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mapping.hpp"

namespace librebird::storage::legacy {

// What cannot be taken over as it is.
struct Kept {
  std::string source_table;
  std::string source_id;
  std::string outcome;  // left_out or mended
  std::string reason;
  std::string content;  // JSON
};

class RowWriter {
 public:
  RowWriter(const Principal& principal, const Target& target);

  // The compared fields of a row as one text; of the row here, nullopt when there is none.
  [[nodiscard]] std::string text_of(const MappedRow& row) const;
  Result<std::optional<std::string>> stored_text(Connection& db, const MappedRow& row) const;
  // True: it was not there.
  Result<bool> insert(Connection& db, const MappedRow& row) const;

 private:
  Result<std::optional<std::int64_t>> take_position(Connection& db, const MappedRow& row) const;

  const Principal& principal_;
  const Target& target_;
  bool is_message_;
  std::string select_;
  std::string insert_;
};

Result<bool> is_kept(Connection& db, const Principal& principal, const Kept& kept);
Status keep(Connection& db, const Principal& principal, const Kept& kept, UnixMillis now);

}  // namespace librebird::storage::legacy
