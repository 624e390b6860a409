#pragma once

// `librebird-tool tend -- argv...`, outside the sandbox: runs the program that sets one up, and sees to it that nothing
// of it stays when the server is killed, at whatever moment. What sets up a sandbox ties its parts to itself only at
// the end; until then a killed one leaves half of it behind. All of that becomes our child (subreaper), and goes.
// Standard input, output and error are the child's; its exit code is ours; 128 + N for signal N.

#include <span>

namespace librebird::runner {

int tend(std::span<char* const> arguments);

}  // namespace librebird::runner
