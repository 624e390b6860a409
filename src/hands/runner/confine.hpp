#pragma once

// What the runner does to itself before it reads its first byte: a second wall behind the sandbox's.
// No third-party library and nothing of the platform: this is linked into the small static runner.

#include <string>
#include <vector>

namespace librebird::runner {

// Restricts file access to reading below `readable` and writing below `writable`, for ever (Landlock, Linux 5.13).
// False where the kernel has no Landlock; paths that do not exist are skipped.
bool restrict_files(const std::vector<std::string>& readable, const std::vector<std::string>& writable);

// For programs that run others: reading and running everywhere, writing only below `writable` and to the devices that
// are there; and, where the kernel knows it, no signals to processes outside. For ever. False without Landlock.
bool restrict_programs(const std::vector<std::string>& writable);

// Whether the pipe that is our standard output has lost its reader: whoever started us is gone. Asked first thing: a
// server that is killed while it sets up a sandbox cannot take along what was not yet tied to it.
bool reader_is_gone();

// No privilege through exec, no core dump, not debuggable.
void drop_privilege_paths();

}  // namespace librebird::runner
