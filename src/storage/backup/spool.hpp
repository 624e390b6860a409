#pragma once

// A file that is written while it is read would not fit its own header: it is copied here first. Private. Blocking.

#include <librebird/base/result.hpp>

#include <cstdint>
#include <string>

namespace librebird::storage {

class Spool {
 public:
  explicit Spool(const std::string& path);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  [[nodiscard]] int file() const { return file_; }
  // Up to `limit` bytes of a file, from its beginning; how many there were.
  Result<std::uint64_t> take(int from, std::uint64_t limit);

 private:
  std::string path_;
  int file_;
  std::string piece_ = std::string(256 * 1024, '\0');
};

// Gives what is finished its name. Without `replace` by a link, which never replaces. already_exists.
Status publish(const std::string& made, const std::string& file, bool replace);

}  // namespace librebird::storage
