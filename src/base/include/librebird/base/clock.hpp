#pragma once

// Time, injected. Wall time is milliseconds since the Unix epoch (UTC); steady time is for durations.
// Thread rule: implementations are safe to call from any thread. Ownership: the app owns one clock; others hold a
// reference.

#include <chrono>
#include <cstdint>
#include <string>

namespace librebird {

using Millis = std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

// Wall time in milliseconds since 1970-01-01T00:00:00Z; the form in which times are stored.
using UnixMillis = std::int64_t;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual UnixMillis unix_now() const = 0;
  [[nodiscard]] virtual SteadyTime steady_now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] UnixMillis unix_now() const override;
  [[nodiscard]] SteadyTime steady_now() const override;
};

// A clock that stands still until told otherwise; for tests. Not thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(UnixMillis start = 1'700'000'000'000) : unix_(start) {}
  [[nodiscard]] UnixMillis unix_now() const override { return unix_; }
  [[nodiscard]] SteadyTime steady_now() const override { return steady_; }
  void advance(Millis by) {
    unix_ += by.count();
    steady_ += by;
  }

 private:
  UnixMillis unix_;
  SteadyTime steady_{};
};

// RFC 3339, UTC, milliseconds: "2026-11-22T17:04:05.123Z".
[[nodiscard]] std::string to_rfc3339(UnixMillis time);

}  // namespace librebird
