#pragma once

// Reads what PersonArchive wrote (docs/export.md). Private. Blocking; any thread but the loop, one at a time.

#include <librebird/base/result.hpp>

#include <fstream>
#include <string>
#include <vector>

#include "files.hpp"
#include "person_files.hpp"

namespace librebird::storage {

class PersonRows {
 public:
  // Unpacks files and the rows of these tables into a folder beside the archive, and sees that all of the archive is
  // whole: only then it is of use. Errors: invalid_argument (no export, of a newer version, cut off, altered or
  // hostile), too_large, those of the disk.
  static Result<PersonRows> open(const std::string& archive, const std::vector<std::string>& tables);

  // Rows of a table: the first ones, or those behind the ones before; empty: there are no more.
  Result<std::vector<std::string>> next(const std::string& table, bool first);
  // What skills and tools kept.
  [[nodiscard]] const std::vector<UnpackedFile>& files() const { return files_; }

 private:
  explicit PersonRows(Unfinished folder) : folder_(std::move(folder)) {}

  Unfinished folder_;
  std::ifstream lines_;
  std::vector<UnpackedFile> files_;
};

}  // namespace librebird::storage
