#pragma once

// What a person takes along: one archive of his rows and files (docs/export.md). And the files' end when he is erased.
// Blocking; any thread but the loop, one at a time.

#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/ports/person_store.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::storage {

struct PersonArchiveReport {
  std::uint64_t files = 0;  // all members
  std::uint64_t bytes = 0;
  std::vector<std::string> left_out;  // links and the like
};

class PersonArchive {
 public:
  // `target` must not be there: already_exists. `program`: version.
  static Result<std::unique_ptr<PersonArchive>> begin(const Clock& clock, const std::string& program,
                                                      const std::string& user_id, const std::string& target);
  ~PersonArchive();
  PersonArchive(const PersonArchive&) = delete;
  PersonArchive& operator=(const PersonArchive&) = delete;

  // One row; those of a table come one after the other.
  Status line(std::string_view table, std::string_view json);
  // Adds the files below the data folder, and gives the archive its name.
  Result<PersonArchiveReport> finish(const std::string& data_dir, const PersonScope& scope);

 private:
  struct Impl;
  explicit PersonArchive(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Removes what tools kept for the person, and everything of the workspaces that are his alone.
Status remove_person_files(const std::string& data_dir, const PersonScope& scope);

}  // namespace librebird::storage
