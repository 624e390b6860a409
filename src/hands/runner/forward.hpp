#pragma once

// `librebird-tool forward [options] -- argv...`: the first of our own inside a sandbox for programs with many
// processes. Runs argv as its child and ends with it, taking everything along.
//   --no-network        do not listen; else 127.0.0.1:3128 is joined, connection by connection, to the egress fence
//   --confine           Landlock for the child: read and run everywhere, write only below the --writable paths
//   --writable PATH     (any number)
//   --processes N       end everything when more processes are there; only where nothing else counts them
//   --memory BYTES      the same for resident memory
// Standard input, output and error are the child's, untouched. Its exit code is ours; 128 + N for signal N.

#include <span>

namespace librebird::runner {

inline constexpr int kProxyPort = 3128;

int forward(std::span<char* const> arguments);

}  // namespace librebird::runner
