#pragma once

// Goes through a folder that tools write into while it is read. No link is followed, at no level. Private. Blocking.

#include <librebird/base/result.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace librebird::storage {

struct TreeVisitor {
  // A regular file, open for reading. `path` is relative to the root's parent: "work/…".
  std::function<Status(const std::string& path, int file, std::uint64_t size, bool executable)> file;
  std::function<void(const std::string& path)> left_out;  // neither file nor folder, too deep, or not readable
};

// A folder that is not there has nothing in it.
Status walk(const std::string& parent, const std::string& name, const TreeVisitor& visitor);

}  // namespace librebird::storage
