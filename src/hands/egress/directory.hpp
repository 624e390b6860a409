#pragma once

// Where the sockets of calls live: one private folder a process, one folder in it a call. Loop only.

#include <librebird/base/result.hpp>

#include <string>

namespace librebird::egress {

// Mode 0700 and locked for as long as this lives. Making one removes what processes that were killed left behind.
class PrivateDirectory {
 public:
  static Result<PrivateDirectory> make();
  PrivateDirectory() = default;
  ~PrivateDirectory();
  PrivateDirectory(PrivateDirectory&& other) noexcept;
  PrivateDirectory& operator=(PrivateDirectory&& other) noexcept;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  int lock_ = -1;
};

// Written whole or not at all; readable by everybody who can reach the folder.
Status write_file(const std::string& path, const std::string& text);
// Of a call: its files, then itself.
void remove_call_directory(const std::string& path);

}  // namespace librebird::egress
