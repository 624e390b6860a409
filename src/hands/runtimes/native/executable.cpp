#include "executable.hpp"

#include <fmt/format.h>

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <cstring>

namespace librebird::plugins::native {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
#else
#error "Which machine is this?"
#endif
constexpr int kMaxHeaders = 128;

class File {
 public:
  explicit File(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] bool is_plain() const {
    struct stat info{};
    return fd_ >= 0 && fstat(fd_, &info) == 0 && S_ISREG(info.st_mode);
  }
  bool read_at(void* to, std::size_t size, std::uint64_t at) const {
    return at <= LLONG_MAX && pread(fd_, to, size, static_cast<off_t>(at)) == static_cast<ssize_t>(size);
  }

 private:
  int fd_;
};

Error refused(const std::string& name, std::string_view why) {
  return make_error(Code::invalid_argument, fmt::format("The entrypoint {} {}.", name, why));
}

bool is_inside(const std::string& name) {
  return !name.empty() && name[0] != '/' && name.find('\0') == std::string::npos && name != ".." &&
         !name.starts_with("../") && name.find("/../") == std::string::npos && !name.ends_with("/..");
}

// The folders on the way may be links, too.
bool is_really_inside(const std::string& folder, const std::string& path) {
  std::array<char, PATH_MAX> home{};
  std::array<char, PATH_MAX> real{};
  if (realpath(folder.c_str(), home.data()) == nullptr || realpath(path.c_str(), real.data()) == nullptr) return false;
  return std::string_view(real.data()).starts_with(std::string(home.data()) + "/");
}

}  // namespace

Result<Executable> inspect_executable(const std::string& folder, const std::string& name) {
  if (!is_inside(name)) return refused(name, "must be a path inside the skill's folder");
  const std::string path = folder + "/" + name;
  const File file(path);
  if (!file.is_plain() || !is_really_inside(folder, path)) return refused(name, "is no file of the skill's folder");
  std::array<char, 2> mark{};
  if (file.read_at(mark.data(), mark.size(), 0) && mark[0] == '#' && mark[1] == '!') return Executable::script;
  Elf64_Ehdr head{};
  if (!file.read_at(&head, sizeof(head), 0) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
    return refused(name, "is no program: neither an executable of this system nor a script with #!");
  }
  const bool ours = head.e_ident[EI_CLASS] == ELFCLASS64 && head.e_machine == kMachine;
  if (!ours) {
    return make_error(Code::failed_precondition,
                      fmt::format("The entrypoint {} is for another kind of machine; build it for this one.", name));
  }
  if (head.e_type != ET_EXEC && head.e_type != ET_DYN) return refused(name, "is a part of a program, not a program");
  for (int i = 0; i < head.e_phnum && i < kMaxHeaders; ++i) {
    Elf64_Phdr segment{};
    if (!file.read_at(&segment, sizeof(segment), head.e_phoff + static_cast<std::uint64_t>(i) * sizeof(segment))) {
      return refused(name, "is cut short");
    }
    if (segment.p_type == PT_INTERP) return Executable::dynamic;
  }
  return Executable::fixed;
}

}  // namespace librebird::plugins::native
