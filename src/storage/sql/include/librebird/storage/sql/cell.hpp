#pragma once

// A value of a row whose shape is known at run time only. Private to src/storage. A value type.

#include <librebird/storage/sql/database.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace librebird::storage {

using Cell = std::variant<std::nullptr_t, std::int64_t, std::string>;

// Valid as long as the cell.
[[nodiscard]] inline Param to_param(const Cell& cell) {
  if (const auto* number = std::get_if<std::int64_t>(&cell)) return *number;
  if (const auto* text = std::get_if<std::string>(&cell)) return std::string_view(*text);
  return nullptr;
}

[[nodiscard]] inline std::vector<Param> to_params(std::span<const Cell> cells) {
  std::vector<Param> params;
  params.reserve(cells.size());
  for (const Cell& cell : cells) params.push_back(to_param(cell));
  return params;
}

// Text that no other cells have, for comparing and hashing: netstrings, and `-` for nothing.
inline void append_cell(std::string& out, const Cell& cell) {
  const auto put = [&out](std::string_view text) {
    out += std::to_string(text.size());
    out += ':';
    out += text;
    out += ',';
  };
  if (const auto* number = std::get_if<std::int64_t>(&cell)) {
    put(std::to_string(*number));
  } else if (const auto* text = std::get_if<std::string>(&cell)) {
    put(*text);
  } else {
    out += '-';
  }
}

}  // namespace librebird::storage
