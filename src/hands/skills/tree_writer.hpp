#pragma once

// Writes a stranger's files below one folder of ours: every name, kind, number and size is checked before it is
// touched. Links, devices, paths that leave the folder, doubles and names that differ only in case are errors, and so
// is too much of anything. Private. Blocking: any thread but the loop.

#include <librebird/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::hands {

struct TreeLimits {
  std::size_t entries = 2000;  // files and folders
  std::uint64_t total_bytes = 64ULL << 20;
  std::uint64_t file_bytes = 16ULL << 20;
  std::size_t depth = 16;
};

struct TreeFile {
  std::string path;  // relative, with '/'
  bool executable = false;
  std::uint64_t size = 0;
  std::string sha256;
};

class TreeWriter {
 public:
  // `root` exists, is empty, and only we can write below it.
  explicit TreeWriter(std::string root, TreeLimits limits = {}) : root_(std::move(root)), limits_(limits) {}

  Status add_folder(std::string_view path);
  Status add_file(std::string_view path, bool executable, std::string_view content);
  // Before the content is read: is there room for a file of this size?
  [[nodiscard]] Status check_size(std::string_view path, std::uint64_t size) const;
  // Something that is no file and no folder.
  [[nodiscard]] static Error refuse_kind(std::string_view path, std::string_view kind);

  [[nodiscard]] const TreeLimits& limits() const { return limits_; }
  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] std::vector<TreeFile> take_files() { return std::move(files_); }

 private:
  enum class Kind { folder, file };
  Result<std::string> enter(std::string_view path, Kind kind);
  Status enter_parents(std::string_view path);
  Status note(std::string_view path, Kind kind);

  struct Entry {
    std::string path;
    Kind kind;
  };
  std::string root_;
  TreeLimits limits_;
  std::map<std::string, Entry, std::less<>> entries_;  // by the name in lower case
  std::vector<TreeFile> files_;
  std::uint64_t total_ = 0;
};

}  // namespace librebird::hands
