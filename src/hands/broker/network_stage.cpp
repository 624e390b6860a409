#include "network_stage.hpp"

#include <string>
#include <utility>

namespace librebird::hands {
namespace {

struct WatchOf {
  std::shared_ptr<const vault::CallGuard> guard;
  std::unique_ptr<vault::Watch> operator()() const { return guard->watch(); }
};

// A secret goes over TLS to hosts that are named; "any host" and plain HTTP are no such place.
bool is_secrets_host(const std::string& host) {
  return !host.starts_with("http://") && (!host.starts_with('*') || host.starts_with("*."));
}

}  // namespace

egress::CallPolicy network_policy(const ToolSpec& tool, const std::vector<vault::SecretLease>& leases,
                                  std::shared_ptr<const vault::CallGuard> guard) {
  egress::CallPolicy policy;
  policy.hosts = tool.network;
  for (const vault::SecretLease& lease : leases) {
    egress::SecretLease given{lease.placeholder, lease.value, {}};
    for (const std::string& host : lease.hosts) {
      if (is_secrets_host(host)) given.hosts.push_back(host);
    }
    policy.secrets.push_back(std::move(given));
  }
  if (guard) policy.inspector = std::make_shared<egress::WatchingInspector<WatchOf>>(WatchOf{std::move(guard)});
  return policy;
}

}  // namespace librebird::hands
