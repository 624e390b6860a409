#include "binding.hpp"

#include "ascii.hpp"

#include <librebird/base/async/sync.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace librebird::egress {
namespace {

constexpr std::size_t kDecisionsLength = 8000;
constexpr double kLongestWaitSeconds = 10;

Error spent(std::string message) {
  Error error = make_error(Code::resource_exhausted, std::move(message));
  error.retryable = false;
  return error;
}

}  // namespace

std::string_view to_string(EgressDecision decision) {
  switch (decision) {
    case EgressDecision::allowed: return "allowed";
    case EgressDecision::denied: return "denied";
    case EgressDecision::failed: return "failed";
    case EgressDecision::tunnelled: return "tunnelled";
    case EgressDecision::flagged: return "flagged";
  }
  return "denied";
}

Result<std::shared_ptr<Binding>> Binding::make(CallPolicy policy) {
  auto made = std::make_shared<Binding>();
  LB_TRY(tool, HostList::parse(policy.hosts));
  made->hosts_.tool = std::move(tool);
  if (policy.workspace_hosts) {
    LB_TRY(workspace, HostList::parse(*policy.workspace_hosts));
    made->hosts_.workspace = std::move(workspace);
  }
  LB_TRY(secrets, Secrets::make(std::move(policy.secrets)));
  made->secrets_ = std::move(secrets);
  made->limits_ = policy.limits;
  if (policy.reach == Reach::any && !made->hosts_.tool.only_exact()) {
    return make_error(Code::invalid_argument, "A call that may reach private networks must name its hosts exactly.");
  }
  made->reach_ = policy.reach;
  made->on_event_ = std::move(policy.on_event);
  made->inspector_ = std::move(policy.inspector);
  made->tokens_ = made->burst();
  made->filled_ = std::chrono::steady_clock::now();
  return made;
}

double Binding::burst() const { return std::max(1.0, 2 * limits_.requests_per_second); }

bool Binding::has_tunnels() const {
  return hosts_.tool.has_tunnels() && (!hosts_.workspace || hosts_.workspace->has_tunnels());
}

std::unique_ptr<TrafficScan> Binding::scan(Direction direction) const {
  return inspector_ ? inspector_->scan(direction) : nullptr;
}

std::optional<TrafficFinding> Binding::find(Direction direction, std::string_view text) const {
  const auto looking = scan(direction);
  if (!looking) return std::nullopt;
  auto found = looking->feed(text);
  return found ? std::move(found) : looking->finish();
}

Task<Status> Binding::admit(std::stop_token stop) {
  if (requests_ >= limits_.requests) {
    co_return spent(fmt::format("This call has made {} requests; it may make no more.", limits_.requests));
  }
  ++requests_;
  const double rate = std::max(limits_.requests_per_second, 0.001);
  const SteadyTime now = std::chrono::steady_clock::now();
  tokens_ = std::min(burst(), tokens_ + std::chrono::duration<double>(now - filled_).count() * rate);
  filled_ = now;
  tokens_ -= 1;
  if (tokens_ >= 0) co_return Ok{};
  const double seconds = -tokens_ / rate;
  if (seconds > kLongestWaitSeconds) {
    tokens_ += 1;
    co_return spent(fmt::format("This call makes more than {} requests a second.", limits_.requests_per_second));
  }
  if (!co_await sleep_for(std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)), stop)) {
    co_return make_error(Code::cancelled, "The call has ended.");
  }
  co_return Ok{};
}

Status Binding::count_up(std::size_t bytes) {
  up_ += bytes;
  if (up_ <= limits_.upload_bytes) return Ok{};
  return spent(fmt::format("This call has sent its {} bytes; it may send no more.", limits_.upload_bytes));
}

Status Binding::count_down(std::size_t bytes) {
  down_ += bytes;
  if (down_ <= limits_.download_bytes) return Ok{};
  return spent(fmt::format("This call has received its {} bytes; it may receive no more.", limits_.download_bytes));
}

void Binding::note(EgressEvent event) {
  if (std::ssize(events_) >= limits_.events) return;
  event.method = printable(event.method, 20);
  event.host = printable(event.host, 253);
  // A path may carry what the user said, so it is kept short, and its query not at all.
  event.path = printable(std::string_view(event.path).substr(0, event.path.find('?')), 200);
  event.reason = printable(event.reason, 300);
  if (std::ssize(events_) + 1 == limits_.events) event.reason += " (further events of this call are not kept)";
  if (decisions_.size() <= kDecisionsLength) {
    const std::string outcome = event.decision == EgressDecision::allowed ? fmt::to_string(event.status)
                                                                          : std::string(to_string(event.decision));
    decisions_ += fmt::format("{}egress {} {}: {}", decisions_.empty() ? "" : "; ", event.method, event.host, outcome);
  }
  events_.push_back(event);
  if (on_event_) on_event_(events_.back());
}

}  // namespace librebird::egress
