#include "tree_writer.hpp"

#include <librebird/base/random.hpp>
#include <librebird/base/utf8.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace librebird::hands {
namespace {

constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxPath = 1000;

Error wrong(std::string_view path, std::string_view what) {
  std::string shown = to_valid_utf8(path);
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return make_error(Code::invalid_argument, fmt::format("\"{}\" {}.", utf8_prefix(shown, 120), what));
}

Status check_path(std::string_view path, std::size_t depth) {
  if (path.empty()) return wrong(path, "is no name for a file");
  if (path.front() == '/') return wrong(path, "is an absolute path; a skill's files have relative ones");
  if (path.size() > kMaxPath) return wrong(path, "is a path that is too long (over 1000 bytes)");
  if (!is_utf8(path)) return wrong(path, "is a name that is not valid UTF-8");
  const bool odd =
      std::ranges::any_of(path, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\'; });
  if (odd) return wrong(path, "is a name with a control character or a backslash");
  std::size_t parts = 0;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, slash - at);
    if (part == "..") return wrong(path, "leaves the skill's folder");
    if (part.empty() || part == ".") return wrong(path, "is a path with an empty part");
    if (part.size() > kMaxName) return wrong(path, "has a name that is too long (over 255 bytes)");
    if (++parts > depth) return wrong(path, fmt::format("lies deeper than {} folders", depth));
    at = slash + 1;
  }
  return Ok{};
}

std::string folded(std::string_view path) {
  std::string out(path);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Error cannot_write(std::string_view path) {
  const int cause = errno;
  return make_error(cause == ENOSPC || cause == EDQUOT ? Code::unavailable : Code::internal,
                    fmt::format("\"{}\" cannot be written: {}. Check the data folder's space and permissions.",
                                utf8_prefix(path, 120), std::strerror(cause)));
}

}  // namespace

Error TreeWriter::refuse_kind(std::string_view path, std::string_view kind) {
  return wrong(path, fmt::format("is {}; a skill may hold only files and folders", kind));
}

Status TreeWriter::check_size(std::string_view path, std::uint64_t size) const {
  if (size > limits_.file_bytes) {
    return make_error(Code::too_large,
                      wrong(path, fmt::format("is larger than {} MiB", limits_.file_bytes >> 20)).message);
  }
  if (size > limits_.total_bytes - std::min(total_, limits_.total_bytes)) {
    return make_error(Code::too_large,
                      fmt::format("The skill's files are larger than {} MiB together.", limits_.total_bytes >> 20));
  }
  return Ok{};
}

Status TreeWriter::note(std::string_view path, Kind kind) {
  const auto [known, fresh] = entries_.try_emplace(folded(path), Entry{std::string(path), kind});
  if (fresh) {
    if (entries_.size() > limits_.entries) {
      return make_error(Code::too_large,
                        fmt::format("The skill holds more than {} files and folders.", limits_.entries));
    }
    return Ok{};
  }
  if (known->second.path != path) {
    return wrong(path, fmt::format("and \"{}\" differ only in case", utf8_prefix(known->second.path, 120)));
  }
  if (kind == Kind::folder && known->second.kind == Kind::folder) return make_error(Code::already_exists, "");
  return wrong(path, "is there twice");
}

Status TreeWriter::enter_parents(std::string_view path) {
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    const std::string_view parent = path.substr(0, slash);
    if (const Status noted = note(parent, Kind::folder); !noted) {
      if (noted.error().code == Code::already_exists) continue;
      return noted;
    }
    if (::mkdir((root_ + "/" + std::string(parent)).c_str(), 0755) != 0) return cannot_write(parent);
  }
  return Ok{};
}

Result<std::string> TreeWriter::enter(std::string_view path, Kind kind) {
  LB_CHECK(check_path(path, limits_.depth));
  LB_CHECK(enter_parents(path));
  LB_CHECK(note(path, kind));
  return root_ + "/" + std::string(path);
}

Status TreeWriter::add_folder(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const auto place = enter(path, Kind::folder);
  if (!place) return place.error().code == Code::already_exists ? Status(Ok{}) : Status(place.error());
  return ::mkdir(place->c_str(), 0755) == 0 ? Status(Ok{}) : Status(cannot_write(path));
}

Status TreeWriter::add_file(std::string_view path, bool executable, std::string_view content) {
  LB_TRY(place, enter(path, Kind::file));
  LB_CHECK(check_size(path, content.size()));
  const int fd = ::open(place.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, executable ? 0755 : 0644);
  if (fd < 0) return cannot_write(path);
  std::string_view rest = content;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const Error error = cannot_write(path);
      ::close(fd);
      return error;
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  ::fchmod(fd, executable ? 0755 : 0644);  // whatever the umask is
  ::close(fd);
  total_ += content.size();
  files_.push_back({std::string(path), executable, content.size(), sha256_hex(content)});
  return Ok{};
}

}  // namespace librebird::hands
