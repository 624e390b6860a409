#pragma once

// The two stream formats between us and a container. Pure; nothing is buffered beyond a frame's head.
//
// Out of it: the engine's multiplexed attach stream: frames of [stream, 0, 0, 0, length as 32 bits big-endian] and that
// many bytes (Docker Engine API, "Attach to a container").
// Into it: our own frames to the guard (src/hands/runner/guard.hpp), which stands between us and the program.

#include <librebird/base/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::docker {

enum class Stream { output, error_output };

class Demultiplexer {
 public:
  using Sink = std::function<void(Stream, std::string_view)>;
  // Hands every piece on as it comes. Errors: data_loss (not such a stream).
  Status feed(std::string_view bytes, const Sink& sink);
  // False inside a frame: the stream was cut.
  [[nodiscard]] bool at_boundary() const { return left_ == 0 && filled_ == 0; }

 private:
  std::array<char, 8> head_{};
  std::size_t filled_ = 0;
  std::uint32_t left_ = 0;
  std::optional<Stream> stream_;  // none: standard input echoed, dropped
};

struct GuardSetup {
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  std::string work_directory;
  std::string nonce;
  bool inherit_environment = false;  // beside what the image sets
};
std::string setup_frame(const GuardSetup& setup);
std::string input_frames(std::string_view bytes);
std::string end_frame();

// How the guard says that the program ended, as its last words on both streams.
struct GuardVerdict {
  enum class Kind { exited, signalled, out_of_memory, not_started } kind = Kind::exited;
  int value = 0;  // exit code, signal, or the error number
  std::int64_t cpu_milliseconds = 0;
};

// Takes the verdict out of a stream. Text that cannot belong to it passes at once.
class VerdictFilter {
 public:
  explicit VerdictFilter(const std::string& nonce);
  // What of `text` (and of what was held back) is the program's own.
  std::string feed(std::string_view text);
  // After the end: the verdict, or what was held back for one that did not come.
  [[nodiscard]] std::optional<GuardVerdict> verdict() const;
  std::string held();

 private:
  std::string marker_;
  std::string held_;
  bool found_ = false;
};

}  // namespace librebird::docker
