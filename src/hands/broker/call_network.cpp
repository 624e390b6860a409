#include "call_network.hpp"

#include <librebird/hands/egress/inspector.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace librebird::hands {
namespace {

std::optional<egress::TrafficFinding> as_traffic(std::optional<vault::WatchFinding> found) {
  if (!found) return std::nullopt;
  return egress::TrafficFinding{std::move(found->name), found->known};
}

class GuardScan final : public egress::TrafficScan {
 public:
  explicit GuardScan(std::unique_ptr<vault::Watch> watch) : watch_(std::move(watch)) {}
  std::optional<egress::TrafficFinding> feed(std::string_view piece) override {
    return as_traffic(watch_->feed(piece));
  }
  std::optional<egress::TrafficFinding> finish() override { return as_traffic(watch_->finish()); }

 private:
  std::unique_ptr<vault::Watch> watch_;
};

class GuardInspector final : public egress::TrafficInspector {
 public:
  explicit GuardInspector(std::shared_ptr<vault::CallGuard> guard) : guard_(std::move(guard)) {}
  std::unique_ptr<egress::TrafficScan> scan(egress::Direction /*direction*/) override {
    return std::make_unique<GuardScan>(guard_->watch());
  }

 private:
  std::shared_ptr<vault::CallGuard> guard_;
};

}  // namespace

egress::CallPolicy policy_for(std::vector<std::string> hosts, const CallSecrets& secrets) {
  egress::CallPolicy policy;
  policy.hosts = std::move(hosts);
  for (const vault::SecretLease& lease : secrets.leases)
    policy.secrets.push_back({lease.placeholder, lease.value, lease.hosts});
  if (secrets.guard) policy.inspector = std::make_shared<GuardInspector>(secrets.guard);
  return policy;
}

void note_traffic(const egress::Call& network, Outcome& outcome) {
  for (const egress::EgressEvent& event : network.events())
    outcome.used.bytes += static_cast<std::int64_t>(event.bytes_up + event.bytes_down);
  const std::string decisions = network.decisions();
  if (!decisions.empty()) outcome.detail += (outcome.detail.empty() ? "" : "; ") + decisions;
}

}  // namespace librebird::hands
