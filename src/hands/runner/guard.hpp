#pragma once

// `librebird-tool guard`: the first process of a container (src/hands/sandbox/docker). It starts the program, hands on
// its input, and is the life line: when its own standard input ends, whoever started the container is gone, so it ends,
// and with the first process the kernel ends all others. When the program ends it kills what is left, and says as its
// very last words on standard error how the program ended.
//
// Its input is frames: one byte of kind, the length as 32 bits big-endian, that many bytes.
//   S  setup, first and once: NUL-ended texts: nonce, "1" to keep the image's environment or "0", work directory,
//      number of arguments, the arguments, then the environment
//   I  input for the program      E  end of the program's input
// Last words, on standard output and on standard error alike (what comes after them is nobody's): a NUL,
// "librebird-end ", the nonce, a space, then e CODE | s SIGNAL | m SIGNAL (killed for want of memory) | x ERRNO (not
// started), a space, the processor time of all in milliseconds, and a line end. Nobody but the starter and the guard
// knows the nonce. Then it waits for its input to end: engines may lose what was written just before the end.
//
// C library only. Runs as process 1 or not at all: it kills every process that it sees.

#include <cstddef>
#include <span>
#include <string>

namespace librebird::runner {

inline constexpr char kGuardSetup = 'S';
inline constexpr char kGuardInput = 'I';
inline constexpr char kGuardEnd = 'E';
inline constexpr std::size_t kMaxGuardSetup = 1 << 20;
inline constexpr std::size_t kMaxGuardInput = 64 * 1024;

inline std::string guard_marker(const std::string& nonce) { return std::string("\0librebird-end ", 15) + nonce + ' '; }

// Takes no arguments. The exit code of the process.
int guard(std::span<char* const> arguments);

}  // namespace librebird::runner
