#include "key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace librebird::credentials {
namespace {

constexpr std::size_t kLongest = 16 * 1024;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Error failure(const std::string& what, const std::string& path) {
  return make_error(Code::failed_precondition, "The master key file " + path + " " + what + ": " +
                                                   std::strerror(errno) +
                                                   "; check the folder's permissions and space.");
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::write(fd, text.data(), text.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return ::fsync(fd) == 0;
}

}  // namespace

Result<std::optional<std::string>> read_key_file(const std::string& path, bool ours) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (ours ? O_NOFOLLOW : 0)));
  if (file.get() < 0) {
    if (errno == ENOENT) return std::optional<std::string>();
    return failure("cannot be read", path);
  }
  struct stat info{};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return make_error(Code::failed_precondition, "The master key file " + path + " is no plain file: replace it.");
  }
  if (ours && (info.st_mode & 077) != 0) {
    return make_error(Code::failed_precondition, "The master key file " + path +
                                                     " can be read by other users: run `chmod 600` on it, and "
                                                     "`librebird secret rotate-key` if somebody may have seen it.");
  }
  std::string text(kLongest, '\0');
  std::size_t size = 0;
  for (;;) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure("cannot be read", path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return std::optional<std::string>(std::move(text));
}

Status write_key_file(const std::string& path, std::string_view text, bool fresh) {
  std::string temporary = path + ".XXXXXX";
  const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));  // 0600
  if (file.get() < 0) return failure("cannot be made", path);
  bool done = write_all(file.get(), text);
  // link() never replaces what is there, rename() always does.
  if (done)
    done = fresh ? ::link(temporary.c_str(), path.c_str()) == 0 : ::rename(temporary.c_str(), path.c_str()) == 0;
  const int number = errno;
  if (!done || fresh) ::unlink(temporary.c_str());
  errno = number;
  if (!done && fresh && errno == EEXIST) return {Code::already_exists, "The master key file is there already."};
  if (!done) return failure("cannot be written", path);
  const std::size_t slash = path.rfind('/');
  const Descriptor folder(
      ::open(slash == std::string::npos ? "." : path.substr(0, slash + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) (void)::fsync(folder.get());
  return Ok{};
}

}  // namespace librebird::credentials
