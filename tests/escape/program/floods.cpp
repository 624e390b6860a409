// Using up what is shared.
#include "attack.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace escape {
namespace {

std::size_t limit_of(const Facts& facts, std::string_view name, std::size_t usual) {
  const std::string text = fact(facts, name);
  return text.empty() ? usual : std::strtoull(text.c_str(), nullptr, 10);
}

Finding fork_bomb(const Facts& facts) {
  std::vector<pid_t> children;
  while (children.size() < 2000) {
    const pid_t child = ::fork();
    if (child < 0) break;
    if (child == 0) {
      ::pause();
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) ::kill(child, SIGKILL);
  while (::waitpid(-1, nullptr, 0) > 0) {
  }
  return children.size() > limit_of(facts, "processes", 64) ? breach(std::to_string(children.size()) + " processes")
                                                            : held(reason());
}

Finding thread_bomb(const Facts& facts) {
  std::size_t made = 0;
  std::vector<std::thread> threads;
  try {
    while (made < 2000) {
      threads.emplace_back([] { ::usleep(300'000); });
      ++made;
    }
  } catch (const std::exception&) {
  }
  for (std::thread& thread : threads) thread.join();
  return made > limit_of(facts, "processes", 64) ? breach(std::to_string(made) + " threads") : held();
}

Finding memory_flood(const Facts& facts) {
  constexpr std::size_t kPiece = 16 << 20;
  const std::size_t most = limit_of(facts, "memory", 512UL << 20);
  std::size_t total = 0;
  while (total < 4 * most) {
    void* piece = ::mmap(nullptr, kPiece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (piece == MAP_FAILED) break;
    std::memset(piece, 1, kPiece);
    total += kPiece;
  }
  return total > most + (64UL << 20) ? breach(std::to_string(total >> 20) + " MiB") : held(reason());
}

Finding shared_memory_flood(const Facts& facts) {
  // Memory that counts for no process: files in memory.
  const std::size_t most = limit_of(facts, "memory", 512UL << 20);
  std::size_t total = 0;
  const std::string piece(1 << 20, 'x');
  const int fd = ::memfd_create("flood", 0);
  if (fd < 0) return held(reason());
  while (total < 2 * most && ::write(fd, piece.data(), piece.size()) == static_cast<ssize_t>(piece.size()))
    total += piece.size();
  return total > most ? breach(std::to_string(total >> 20) + " MiB") : held(reason());
}

Finding fill_folder(const std::string& folder, std::size_t most) {
  const std::string piece(1 << 20, 'x');
  std::size_t total = 0;
  for (int file = 0; file < 64 && total < 2 * most; ++file) {
    const int fd = ::open((folder + "/flood" + std::to_string(file)).c_str(), O_CREAT | O_WRONLY, 0600);
    if (fd < 0) break;
    ::signal(SIGXFSZ, SIG_IGN);
    ssize_t written = 0;
    while (total < 2 * most && (written = ::write(fd, piece.data(), piece.size())) > 0)
      total += static_cast<std::size_t>(written);
    ::close(fd);
  }
  return total > most + (8UL << 20) ? breach(std::to_string(total >> 20) + " MiB in " + folder) : held(reason());
}

Finding disk_flood(const Facts& facts) { return fill_folder("/tmp", limit_of(facts, "scratch", 64UL << 20)); }

Finding device_folder_flood(const Facts& facts) {
  const std::size_t most = limit_of(facts, "scratch", 64UL << 20);
  for (const char* folder : {"/dev/shm", "/dev", "/run", "/var/tmp", "/"}) {
    if (Finding finding = fill_folder(folder, most); finding.breached) return finding;
  }
  return held();
}

Finding inode_flood(const Facts&) {
  int made = 0;
  for (; made < 300'000; ++made) {
    const int fd = ::open(("/tmp/i" + std::to_string(made)).c_str(), O_CREAT | O_WRONLY, 0600);
    if (fd < 0) break;
    ::close(fd);
  }
  return made >= 300'000 ? breach("300,000 files") : held(std::to_string(made) + " files");
}

Finding descriptor_flood(const Facts&) {
  int opened = 0;
  while (opened < 100'000 && ::open("/tmp", O_RDONLY | O_DIRECTORY) >= 0) ++opened;
  return opened > 5000 ? breach(std::to_string(opened) + " descriptors")
                       : held(std::to_string(opened) + " descriptors");
}

Finding sparse_file(const Facts&) {
  const int fd = ::open("/tmp/sparse", O_CREAT | O_WRONLY, 0600);
  ::signal(SIGXFSZ, SIG_IGN);
  return fd >= 0 && ::ftruncate(fd, 1LL << 40) == 0 && ::pwrite(fd, "x", 1, (1LL << 40) - 2) == 1
             ? breach("a file of 1 TiB")
             : held(reason());
}

Finding output_flood(const Facts&) {
  const std::string piece(1 << 16, 'x');
  for (std::size_t total = 0; total < (1UL << 30); total += piece.size()) {
    if (::write(STDOUT_FILENO, piece.data(), piece.size()) < 0) ::_exit(9);
  }
  return breach("wrote 1 GiB of output");
}

Finding error_flood(const Facts&) {
  const std::string piece(1 << 16, '\n');
  for (std::size_t total = 0; total < (1UL << 30); total += piece.size()) {
    if (::write(STDERR_FILENO, piece.data(), piece.size()) < 0) ::_exit(9);
  }
  return breach("wrote 1 GiB of error output");
}

Finding memory_lock(const Facts&) {
  if (::mlockall(MCL_CURRENT | MCL_FUTURE) != 0) return held(reason());
  void* piece = ::mmap(nullptr, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return piece != MAP_FAILED ? breach("locked 64 MiB") : held(reason());
}

constexpr Attack kAttacks[] = {
    {"fork_bomb", "Fork bomb", fork_bomb},
    {"thread_bomb", "Thread bomb", thread_bomb},
    {"memory_flood", "Take all memory", memory_flood},
    {"memory_file_flood", "Take all memory as files in memory", shared_memory_flood},
    {"disk_flood", "Fill the disk", disk_flood},
    {"other_folders_flood", "Fill /dev, /run and the root", device_folder_flood},
    {"inode_flood", "Use up all inodes", inode_flood},
    {"descriptor_flood", "Use up all descriptors", descriptor_flood},
    {"sparse_file", "A file of 1 TiB", sparse_file},
    {"output_flood", "1 GiB of output", output_flood},
    {"error_flood", "1 GiB of error output", error_flood},
    {"memory_lock", "Lock memory", memory_lock},
};

}  // namespace

std::span<const Attack> flood_attacks() { return kAttacks; }

}  // namespace escape
