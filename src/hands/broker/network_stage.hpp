#pragma once

// What a call may do on the network: the tool's hosts, the secrets it was lent, and the watch over what leaves and what
// returns. Pure; the guard outlives the call's connections by being shared.

#include <librebird/core/model/tool.hpp>
#include <librebird/hands/egress/fence.hpp>
#include <librebird/hands/vault/vault.hpp>

#include <memory>
#include <vector>

namespace librebird::hands {

// `guard` may be null: nobody watches.
egress::CallPolicy network_policy(const ToolSpec& tool, const std::vector<vault::SecretLease>& leases,
                                  std::shared_ptr<const vault::CallGuard> guard);

}  // namespace librebird::hands
