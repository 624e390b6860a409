#include <librebird/base/archive.hpp>
#include <librebird/base/utf8.hpp>

#include <algorithm>

namespace librebird {

bool is_archive_path(std::string_view path) {
  constexpr std::size_t kLongest = 1024;
  constexpr int kDeepest = 64;
  if (path.empty() || path.size() > kLongest || !is_utf8(path)) return false;
  if (std::ranges::any_of(path,
                          [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\'; })) {
    return false;
  }
  int parts = 0;
  while (true) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || ++parts > kDeepest) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace librebird
