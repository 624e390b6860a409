#pragma once

// Puts the files of an export where skills and tools of the one who brings it in find them. Private. Blocking.
//
// Tools write into these folders and may have put links there: none is followed, at no level. A file that is there
// stays as it is, so doing it again, or going on after a crash, is harmless.

#include <librebird/core/model/principal.hpp>
#include <librebird/core/ports/person_store.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace librebird::storage {

struct UnpackedFile {
  std::string path;   // in the archive, below "files/"
  std::string place;  // where it is unpacked
  std::int64_t bytes = 0;
  bool executable = false;
};

struct FilesTarget {
  std::string data_dir;
  Principal principal;      // whose, and in which workspace
  bool own_workspace = false;  // nobody else's as well: its folder of work is filled too
};

// `dry_run`: only says what would be.
Result<BroughtRows> place_files(const std::vector<UnpackedFile>& files, const FilesTarget& target, bool dry_run);

}  // namespace librebird::storage
