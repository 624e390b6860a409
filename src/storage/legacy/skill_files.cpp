#include "skill_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace librebird::storage::legacy {
namespace {

namespace fs = std::filesystem;

struct Known {
  std::string_view name;  // in data/
  std::string_view skill;
  bool folder;
};
constexpr std::array<Known, 5> kKnown{{{"rss_feeds.json", "digest", false},
                                       {"focus_history.json", "focus_timer", false},
                                       {"scheduled_tasks.json", "scheduler", false},
                                       {"meetings", "meeting_summarizer", true},
                                       {"screenshots", "computer_use", true}}};

class Handle {
 public:
  explicit Handle(int fd) : fd_(fd) {}
  Handle(Handle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Handle() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

Error trouble(const std::string& what, const std::string& path) {
  const int number = errno;
  return make_error(
      number == ENOSPC || number == EDQUOT ? Code::unavailable : Code::failed_precondition,
      fmt::format("{} {} ({}): check its folder's permissions and the free space.", what, path, std::strerror(number)));
}

Result<std::string> content_of(const Handle& file, const std::string& path) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return trouble("Cannot read", path);
  if (!S_ISREG(status.st_mode)) return {Code::failed_precondition, fmt::format("{} is not a file.", path)};
  if (status.st_size > kLargestSkillFile) {
    return {Code::too_large, fmt::format("{} is larger than {} MiB.", path, kLargestSkillFile >> 20)};
  }
  std::string content;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return trouble("Cannot read", path);
    if (got == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(got));
    if (static_cast<std::int64_t>(content.size()) > kLargestSkillFile) {
      return {Code::too_large, fmt::format("{} is larger than {} MiB.", path, kLargestSkillFile >> 20)};
    }
  }
}

// The folder of the file, step by step; without `make`, an invalid handle where it ends.
Result<Handle> enter(const std::string& root, const std::vector<std::string>& names, bool make) {
  Handle at(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at && errno == ENOENT && make) {
    if (::mkdir(root.c_str(), 0700) != 0) return trouble("Cannot make the folder", root);
    at = Handle(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  if (!at && errno != ENOENT) return trouble("Cannot open the folder", root);
  for (const std::string& name : names) {
    if (!at) break;
    if (make && ::mkdirat(at.get(), name.c_str(), 0700) != 0 && errno != EEXIST) {
      return trouble("Cannot make the folder", name);
    }
    Handle next(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno != ENOENT) return trouble("Cannot open the folder", name);
    at = std::move(next);
  }
  return at;
}

std::vector<std::string> steps(const std::string& workspace, const std::string& user, const SkillFile& file) {
  std::vector<std::string> names{workspace, user, file.skill};
  if (const std::size_t slash = file.name.find('/'); slash != std::string::npos) {
    names.push_back(file.name.substr(0, slash));
  }
  return names;
}

std::string leaf(const SkillFile& file) { return file.name.substr(file.name.find('/') + 1); }

void add_folder(const fs::path& folder, const Known& known, std::vector<SkillFile>& out) {
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    if (entry.is_symlink(failure) || !entry.is_regular_file(failure)) continue;
    out.push_back({entry.path().string(), std::string(known.skill),
                   std::string(known.name) + "/" + entry.path().filename().string()});
  }
}

}  // namespace

std::vector<SkillFile> skill_files(const std::string& root, std::vector<std::string>& unknown) {
  std::vector<SkillFile> out;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(root + "/data", failure)) {
    const std::string name = entry.path().filename().string();
    const auto known = std::ranges::find(kKnown, name, &Known::name);
    const bool is_folder = entry.is_directory(failure);
    if (known == kKnown.end() || entry.is_symlink(failure) || known->folder != is_folder) {
      unknown.push_back("data/" + name);
    } else if (is_folder) {
      add_folder(entry.path(), *known, out);
    } else {
      out.push_back({entry.path().string(), std::string(known->skill), name});
    }
  }
  std::ranges::sort(out, {}, &SkillFile::path);
  std::ranges::sort(unknown);
  return out;
}

Result<std::string> read_skill_file(const std::string& source) {
  const Handle file(::open(source.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return trouble("Cannot read", source);
  return content_of(file, source);
}

Result<std::optional<std::string>> SkillFolder::read(const SkillFile& file) const {
  LB_TRY(folder, enter(root_, steps(workspace_, user_, file), false));
  if (!folder) return std::optional<std::string>{};
  const Handle open(::openat(folder.get(), leaf(file).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!open && errno == ENOENT) return std::optional<std::string>{};
  if (!open) return trouble("Cannot read", file.path());
  LB_TRY(content, content_of(open, file.path()));
  return std::optional<std::string>(std::move(content));
}

Status SkillFolder::write(const SkillFile& file, const std::string& content) const {
  LB_TRY(folder, enter(root_, steps(workspace_, user_, file), true));
  const std::string draft = ".moving-in";
  (void)::unlinkat(folder.get(), draft.c_str(), 0);
  {
    const Handle out(::openat(folder.get(), draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!out) return trouble("Cannot write", file.path());
    std::string_view rest = content;
    while (!rest.empty()) {
      const ssize_t wrote = ::write(out.get(), rest.data(), rest.size());
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return trouble("Cannot write", file.path());
      rest.remove_prefix(static_cast<std::size_t>(wrote));
    }
    if (::fsync(out.get()) != 0) return trouble("Cannot write", file.path());
  }
  if (::renameat(folder.get(), draft.c_str(), folder.get(), leaf(file).c_str()) != 0 || ::fsync(folder.get()) != 0) {
    return trouble("Cannot write", file.path());
  }
  return Ok{};
}

}  // namespace librebird::storage::legacy
