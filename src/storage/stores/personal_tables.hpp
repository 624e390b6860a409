#pragma once

// What each table knows about a person. Every table of the schema is in this list, or the test of it fails. Private.

#include <span>
#include <string_view>

namespace librebird::storage {

struct PersonalTable {
  std::string_view table;
  // Which rows are the person's ($1). Empty: none is, or they go with the rows they belong to.
  std::string_view own;
  // What is exported of them, separated by spaces; integers end with '#'. Empty: nothing.
  std::string_view exported;
  // What becomes of them when the person is erased; empty: they are deleted.
  std::string_view erase = {};
};

[[nodiscard]] std::span<const PersonalTable> personal_tables();

}  // namespace librebird::storage
