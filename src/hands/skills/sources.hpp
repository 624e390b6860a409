#pragma once

// The files of a skill, from an archive or a folder, into a TreeWriter. Private. Blocking: any thread but the loop.

#include <string>
#include <string_view>

#include "tree_writer.hpp"

namespace librebird::hands {

inline constexpr std::size_t kMaxArchiveBytes = 32 << 20;

// .zip, .tar, .tar.gz, .tar.xz. `ratio`: how many times larger than the archive its content may be.
Status unpack_archive(std::string_view bytes, TreeWriter& tree, std::uint64_t ratio = 200);
Result<std::string> read_archive_file(const std::string& path);
// Leaves out what is no part of a skill: .git, __pycache__, node_modules, .venv.
Status copy_folder(const std::string& folder, TreeWriter& tree);

}  // namespace librebird::hands
