#pragma once

// The bubblewrap command line for a SandboxSpec: what is inside, and nothing else. Pure.

#include <librebird/base/result.hpp>
#include <librebird/core/ports/sandbox.hpp>

#include <string>
#include <vector>

namespace librebird::bubblewrap {

// The descriptors bubblewrap finds open.
inline constexpr int kStatusFd = 3;
inline constexpr int kFilterFd = 4;
inline constexpr int kBlockFd = 5;  // only when more than one process is allowed

// One process, no children: the native runner. It needs no reaper and no /proc or /dev.
[[nodiscard]] bool is_single(const SandboxSpec& spec);

// Errors: invalid_argument (a relative or empty path, an argument with a NUL, a forbidden mount).
Result<std::vector<std::string>> make_command(const std::string& bwrap, const SandboxSpec& spec);

}  // namespace librebird::bubblewrap
