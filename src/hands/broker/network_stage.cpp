#include "network_stage.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace librebird::hands {
namespace {

constexpr int kWhoAreYou = 401;
constexpr int kNotYou = 403;

struct WatchOf {
  std::shared_ptr<const vault::CallGuard> guard;
  std::unique_ptr<vault::Watch> operator()() const { return guard->watch(); }
};

// A secret goes over TLS to hosts that are named; "any host" and plain HTTP are no such place.
bool is_secrets_host(const std::string& host) {
  return !host.starts_with("http://") && (!host.starts_with('*') || host.starts_with("*."));
}

}  // namespace

egress::CallPolicy network_policy(std::vector<std::string> hosts, const CallSecrets& secrets, Millis wall_time) {
  egress::CallPolicy policy;
  // An answer may be a long silence, or come in drops, for as long as somebody waits for it.
  policy.limits.total_timeout = std::max(policy.limits.total_timeout, wall_time);
  policy.limits.idle_timeout = std::max(policy.limits.idle_timeout, wall_time);
  policy.hosts = std::move(hosts);
  for (const vault::SecretLease& lease : secrets.leases) {
    egress::SecretLease given{lease.placeholder, lease.value, {}};
    for (const std::string& host : lease.hosts) {
      if (is_secrets_host(host)) given.hosts.push_back(host);
    }
    policy.secrets.push_back(std::move(given));
  }
  if (secrets.guard) policy.inspector = std::make_shared<egress::WatchingInspector<WatchOf>>(WatchOf{secrets.guard});
  return policy;
}

void note_traffic(const egress::Call& network, Outcome& outcome) {
  for (const egress::EgressEvent& event : network.events()) {
    outcome.used.bytes += static_cast<std::int64_t>(event.bytes_up + event.bytes_down);
    outcome.turned_away |= event.method == "POST" && event.status == kWhoAreYou;
    if (event.method == "POST" && event.status == kNotYou) outcome.challenge = event.challenge;
  }
  outcome.egress = network.decisions();
}

}  // namespace librebird::hands
