#pragma once

// The system-call filter of the bubblewrap sandbox. Compiled once; the program is plain bytes that bubblewrap loads.

#include <librebird/base/result.hpp>

#include <string>

namespace librebird::bubblewrap {

enum class Processes { single, many, networked };

// `single` also forbids making processes and threads: a native tool needs none, so a fork bomb has no first step.
// `networked` allows Internet sockets: with the forwarder, in a network of its own that leads nowhere else.
Result<std::string> compile_seccomp_filter(Processes processes);

}  // namespace librebird::bubblewrap
