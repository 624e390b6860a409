#pragma once

// One connection to a container engine's Unix socket. Every operation ends by success, failure, its time or the stop
// token; the latter two close the connection. Thread rule: loop only. Move-only; the owner closes it by dropping it.
// Errors: not_found (no such socket), permission_denied, unavailable, deadline_exceeded, cancelled.

#include <librebird/base/async/task.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

namespace librebird::docker {

using SteadyTime = std::chrono::steady_clock::time_point;
inline SteadyTime in(Millis time) { return std::chrono::steady_clock::now() + time; }

class UnixConnection {
 public:
  explicit UnixConnection(Executor executor);
  ~UnixConnection();
  UnixConnection(UnixConnection&&) noexcept;
  UnixConnection& operator=(UnixConnection&&) noexcept;

  Task<Status> connect(std::string path, SteadyTime deadline, std::stop_token stop);
  Task<Status> write(std::string bytes, SteadyTime deadline, std::stop_token stop);
  // The next bytes, valid until the next read; empty at the end.
  Task<Result<std::string_view>> read(SteadyTime deadline, std::stop_token stop);

  // Without waiting: sent in order, as the other side takes it. False when too much waits already, or it is closed.
  bool queue(std::string bytes);
  // No more from us, after what is queued.
  void end_queue();
  // No more from us, now; what comes can still be read.
  void shut();
  void close();
  // Whether the other side has ended it, as far as can be told without reading.
  [[nodiscard]] bool ended() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace librebird::docker
