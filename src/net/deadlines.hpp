#pragma once

// Coarse deadlines for many connections with one timer: a scan of one array instead of a timer operation a request.
// A deadline fires at most kCoarse late (never early); a nearer one wakes the timer in time. While nothing is
// registered there is no timer, so an idle process is not woken.
// Thread rule: loop only. Ownership: a Deadline removes itself when it dies; expired() may destroy or re-arm others.

#include <librebird/base/async/sync.hpp>
#include <librebird/base/clock.hpp>

#include <memory>
#include <vector>

namespace librebird::net {

class Deadlines;

class Deadline {
 public:
  explicit Deadline(Deadlines& owner);
  virtual ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void expires_after(Millis time);
  void disarm();
  // Fires once per arming.
  virtual void expired() = 0;

 private:
  friend class Deadlines;
  std::shared_ptr<Deadlines> owner_;
  std::size_t index_;
};

class Deadlines : public std::enable_shared_from_this<Deadlines> {
 public:
  static constexpr Millis kCoarse{1'000};

  explicit Deadlines(Executor executor) : timer_(executor) {}
  void stop() {
    timer_.cancel();
    stopped_ = true;
  }

 private:
  friend class Deadline;
  struct Slot {
    SteadyTime at;
    Deadline* deadline;
  };
  void arm(SteadyTime at);
  void scan();

  Timer timer_;
  SteadyTime next_ = SteadyTime::max();
  std::vector<Slot> slots_;
  bool stopped_ = false;
};

}  // namespace librebird::net
