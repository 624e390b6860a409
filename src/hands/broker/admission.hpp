#pragma once

// Room for tool calls: so many at once on this machine, so many at once and a minute for each user. Bounded: over a
// limit the answer is resource_exhausted with the time after which to try again. Loop only.

#include <librebird/base/async/sync.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>

#include <cstddef>
#include <stop_token>
#include <string>
#include <unordered_map>

namespace librebird::hands {

struct AdmissionLimits {
  std::size_t running = 8;           // on this machine at once
  std::size_t waiting = 512;         // for one of those places
  std::size_t per_user = 32;         // at once, running or waiting
  double per_user_per_minute = 1200; // with bursts of a tenth of that
};

class Admission {
 public:
  Admission(Executor executor, const Clock& clock, AdmissionLimits limits);

  // One call's place, given back when it dies.
  class Place {
   public:
    Place(Place&& other) noexcept;
    Place& operator=(Place&&) = delete;
    ~Place();

   private:
    friend class Admission;
    Place(Admission& admission, std::string user) : admission_(&admission), user_(std::move(user)) {}
    Admission* admission_;
    std::string user_;
    bool running_ = false;
  };

  // Waits for a place. Errors: resource_exhausted, cancelled.
  Task<Result<Place>> enter(std::string user, std::stop_token stop);
  [[nodiscard]] std::size_t running() const { return running_; }

 private:
  struct User {
    std::size_t calls = 0;
    double tokens = 0;
    SteadyTime filled{};
  };
  Status take_token(const std::string& user);
  void forget_idle();

  const Clock& clock_;
  AdmissionLimits limits_;
  Signal freed_;
  std::unordered_map<std::string, User> users_;
  std::size_t running_ = 0;
  std::size_t waiting_ = 0;
};

}  // namespace librebird::hands
