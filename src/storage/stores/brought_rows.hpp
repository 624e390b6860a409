#pragma once

// Rows of a person's export on their way back: what is taken of them, and what each has to be. Nothing in them is
// trusted. Private; pure.

#include <librebird/base/result.hpp>
#include <librebird/core/model/principal.hpp>
#include <librebird/storage/sql/cell.hpp>

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::storage {

// A table that is brought in. `columns`: separated by spaces; integers end with '#', what must be there with '!'.
struct BroughtTable {
  std::string_view table;
  std::string_view columns;
};

// In the order in which they are brought in.
[[nodiscard]] std::span<const BroughtTable> all_brought_tables();
// Null: this table is not brought in.
[[nodiscard]] const BroughtTable* brought_table(std::string_view name);

struct BroughtRow {
  std::string id;  // in the export; empty: the table has none
  std::map<std::string, Cell, std::less<>> cells;

  [[nodiscard]] std::string text(std::string_view column) const;  // empty: null
};

// invalid_argument: no JSON object, a value of another type, too long, missing or out of its range.
Result<BroughtRow> read_brought_row(const BroughtTable& table, std::string_view json);

// The id that a row has once it is the principal's, in the principal's workspace: a UUID (version 8, RFC 9562) made of
// all of them, which nobody can aim at somebody else's row.
[[nodiscard]] std::string brought_id(const Principal& principal, std::string_view table, std::string_view id);

}  // namespace librebird::storage
