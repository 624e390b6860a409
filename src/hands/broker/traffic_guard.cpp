#include "traffic_guard.hpp"

#include <librebird/hands/egress/inspector.hpp>

namespace librebird::hands {
namespace {

class WatchedScan final : public egress::TrafficScan {
 public:
  explicit WatchedScan(std::unique_ptr<vault::Watch> watch) : watch_(std::move(watch)) {}
  std::optional<egress::TrafficFinding> feed(std::string_view piece) override { return told(watch_->feed(piece)); }
  std::optional<egress::TrafficFinding> finish() override { return told(watch_->finish()); }

 private:
  static std::optional<egress::TrafficFinding> told(std::optional<vault::WatchFinding> found) {
    if (!found) return std::nullopt;
    return egress::TrafficFinding{std::move(found->name), found->known};
  }
  std::unique_ptr<vault::Watch> watch_;
};

class GuardInspector final : public egress::TrafficInspector {
 public:
  explicit GuardInspector(std::shared_ptr<vault::CallGuard> guard) : guard_(std::move(guard)) {}
  std::unique_ptr<egress::TrafficScan> scan(egress::Direction /*direction*/) override {
    return std::make_unique<WatchedScan>(guard_->watch());
  }

 private:
  std::shared_ptr<vault::CallGuard> guard_;
};

}  // namespace

void arm(egress::CallPolicy& policy, const CallSecrets& secrets) {
  for (const vault::SecretLease& lease : secrets.leases) {
    egress::SecretLease known;
    known.placeholder = lease.placeholder;
    known.value = lease.value;
    known.hosts = lease.hosts;
    policy.secrets.push_back(std::move(known));
  }
  policy.inspector = std::make_shared<GuardInspector>(secrets.guard);
}

}  // namespace librebird::hands
