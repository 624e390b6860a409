#pragma once

// What moving an installation from one database to another tells (docs/moving-in.md). Values.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

struct MovedTable {
  std::string name;
  std::int64_t rows = 0;    // in the source
  std::int64_t copied = 0;  // now; the others were there from an earlier attempt
  std::string source_sha256;
  std::string target_sha256;
};

struct MoveReport {
  std::vector<MovedTable> tables;
  bool verified = false;  // every row is there, the same, and none besides
};

struct MoveProgress {
  std::string_view what;
  std::int64_t done = 0;  // rows, of both passes
  std::int64_t total = 0;
};

}  // namespace librebird
