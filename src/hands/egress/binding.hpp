#pragma once

// A policy while it is in force for a call: its checks, its budgets, and the list of what happened. Loop only.
// Shared: a request under way keeps the binding it began with.

#include "secrets.hpp"

#include <librebird/base/async/task.hpp>
#include <librebird/base/clock.hpp>

#include <stop_token>

namespace librebird::egress {

class Binding {
 public:
  static Result<std::shared_ptr<Binding>> make(CallPolicy policy);

  [[nodiscard]] const FenceLimits& limits() const { return limits_; }
  [[nodiscard]] const HostPolicy& hosts() const { return hosts_; }
  [[nodiscard]] const Secrets& secrets() const { return secrets_; }
  [[nodiscard]] bool has_tunnels() const;
  [[nodiscard]] Reach reach() const { return reach_; }
  [[nodiscard]] std::unique_ptr<TrafficScan> scan(Direction direction) const;  // null: nobody looks
  // What the inspector sees in a text that is all there.
  [[nodiscard]] std::optional<TrafficFinding> find(Direction direction, std::string_view text) const;
  [[nodiscard]] bool inspected() const { return inspector_ != nullptr; }

  // A request's place: waits for its turn. resource_exhausted: the call has made too many.
  Task<Status> admit(std::stop_token stop);
  // resource_exhausted past the call's budget.
  Status count_up(std::size_t bytes);
  Status count_down(std::size_t bytes);

  void note(EgressEvent event);
  [[nodiscard]] const std::vector<EgressEvent>& events() const { return events_; }
  [[nodiscard]] const std::string& decisions() const { return decisions_; }

 private:
  [[nodiscard]] double burst() const;

  HostPolicy hosts_;
  Secrets secrets_;
  FenceLimits limits_;
  Reach reach_ = Reach::public_only;
  std::function<void(const EgressEvent&)> on_event_;
  std::shared_ptr<TrafficInspector> inspector_;
  std::vector<EgressEvent> events_;
  std::string decisions_;
  int requests_ = 0;
  double tokens_ = 0;
  SteadyTime filled_;
  std::uint64_t up_ = 0;
  std::uint64_t down_ = 0;
};

}  // namespace librebird::egress
