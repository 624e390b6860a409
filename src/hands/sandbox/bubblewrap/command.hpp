#pragma once

// The bubblewrap command line for a SandboxSpec: what is inside, and nothing else. Pure.

#include <librebird/base/result.hpp>
#include <librebird/core/ports/sandbox.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::bubblewrap {

// The descriptors bubblewrap finds open.
inline constexpr int kStatusFd = 3;
inline constexpr int kFilterFd = 4;
inline constexpr int kBlockFd = 5;      // only when more than one process is allowed
inline constexpr int kFirstFileFd = 6;  // the files of the /etc we make, if the system is offered

// One process, no children: the native runner. It needs no reaper and no /proc or /dev.
[[nodiscard]] bool is_single(const SandboxSpec& spec);

// Our own /etc: passwd with nobody, and so on.
struct EtcFile {
  std::string_view path;
  std::string_view text;
};
[[nodiscard]] std::span<const EtcFile> etc_files();

// What it all runs below (`librebird-tool tend`), and a program with many processes inside (`forward`).
struct Enclosure {
  std::string runner;              // librebird-tool on the host
  bool count_processes = false;    // nobody else limits their number
  bool count_memory = false;
};

// Errors: invalid_argument (a relative or empty path, an argument with a NUL, a forbidden mount).
Result<std::vector<std::string>> make_command(const std::string& bwrap, const SandboxSpec& spec,
                                              const Enclosure& enclosure);

}  // namespace librebird::bubblewrap
