#pragma once

// One line of the manifest. Reader and writer make it the same way, so that comparing is comparing text. Private.

#include <librebird/base/json_writer.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace librebird {

// Bounds the number of members, too: a line has more than 90 bytes.
inline constexpr std::size_t kLongestManifest = 64U << 20;
inline constexpr std::size_t kLongestHead = 1U << 20;

inline void append_manifest_line(std::string& out, std::string_view path, std::uint64_t bytes,
                                 std::string_view sha256) {
  JsonWriter line;
  line.begin_object().field("path", path).field("bytes", bytes).field("sha256", sha256).end_object();
  out += line.text();
  out += '\n';
}

}  // namespace librebird
