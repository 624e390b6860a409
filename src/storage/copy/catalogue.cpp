#include "catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace librebird::storage::copying {
namespace {

// Made anew by each database for itself.
constexpr std::array<std::string_view, 2> kOwn{"schema_version", "search_state"};

std::string text_of(const Row& row) { return row.string(0); }

Result<Table> table_of(Connection& db, const std::string& name) {
  Table table{name, {}, {}};
  auto column = [&](const Row& row) -> Status {
    const std::string_view type = row.text(1);
    const bool is_number = type == "INTEGER" || type == "BIGINT";
    if (!is_number && type != "TEXT" && type != "BLOB") {
      return {Code::internal,
              fmt::format("The column {} of {} cannot be copied: its type is {}.", row.text(0), name, row.text(1))};
    }
    const Kind kind = is_number ? Kind::number : type == "BLOB" ? Kind::vector : Kind::text;
    table.columns.push_back({row.string(0), kind, static_cast<int>(row.integer(2))});
    return Ok{};
  };
  LB_CHECK(db.each("SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid", column, name));
  for (const Column& each : table.columns) {
    if (each.key > 0) table.key.push_back(each);
  }
  std::ranges::sort(table.key, {}, &Column::key);
  if (table.key.empty()) return {Code::internal, fmt::format("The table {} cannot be copied: it has no key.", name)};
  return table;
}

}  // namespace

std::string Table::select(Dialect dialect, bool after, int limit) const {
  std::string order;
  std::string values;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const bool collated = dialect == Dialect::postgres && key[i].kind == Kind::text;
    order += fmt::format("{}{}{}", i == 0 ? "" : ", ", key[i].name, collated ? " COLLATE \"C\"" : "");
    values += fmt::format("{}${}", i == 0 ? "" : ", ", i + 1);
  }
  const std::string where = after ? fmt::format(" WHERE ({}) > ({})", order, values) : "";
  std::string list;
  for (const Column& column : columns) {
    const bool converted = dialect == Dialect::postgres && column.kind == Kind::vector;
    list += fmt::format("{}{}{}", list.empty() ? "" : ", ", column.name, converted ? "::REAL[]" : "");
  }
  return fmt::format("SELECT {} FROM {}{} ORDER BY {} LIMIT {}", list, name, where, order, limit);
}

std::string Table::insert(Dialect dialect, int rows) const {
  std::string list;
  for (const Column& column : columns) list += (list.empty() ? "" : ", ") + column.name;
  std::string values;
  std::size_t number = 0;
  for (int row = 0; row < rows; ++row) {
    values += row == 0 ? "(" : ", (";
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) values += ", ";
      const std::string value = fmt::format("${}", ++number);
      if (columns[i].kind != Kind::vector) {
        values += value;
      } else {
        values += dialect == Dialect::postgres ? value + "::REAL[]" : "CAST(" + value + " AS BLOB)";
      }
    }
    values += ")";
  }
  return fmt::format("INSERT INTO {} ({}) VALUES {} ON CONFLICT DO NOTHING", name, list, values);
}

Result<std::vector<Table>> catalogue(Connection& db) {
  // Virtual tables and what is behind them are search indexes.
  LB_TRY(names, db.all("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE "
                       "'sqlite~_%' ESCAPE '~' ORDER BY name",
                       text_of));
  std::erase_if(names, [](const std::string& name) { return std::ranges::find(kOwn, name) != kOwn.end(); });
  std::vector<Table> ordered;
  const auto is_ready = [&](const std::string& name) {
    return std::ranges::find(names, name) == names.end();  // taken already
  };
  while (!names.empty()) {
    const std::size_t before = names.size();
    for (std::size_t i = 0; i < names.size();) {
      LB_TRY(parents, db.all("SELECT \"table\" FROM pragma_foreign_key_list($1)", text_of, names[i]));
      const bool ready = std::ranges::all_of(
          parents, [&](const std::string& parent) { return parent == names[i] || is_ready(parent); });
      if (!ready) {
        ++i;
        continue;
      }
      LB_TRY(table, table_of(db, names[i]));
      ordered.push_back(std::move(table));
      names.erase(names.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (names.size() == before) {
      return {Code::internal, fmt::format("The tables {} refer to each other in a circle.", fmt::join(names, ", "))};
    }
  }
  return ordered;
}

}  // namespace librebird::storage::copying
