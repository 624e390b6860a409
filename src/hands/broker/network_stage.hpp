#pragma once

// What a call may do on the network: the tool's hosts, the secrets it was lent, and the watch over what leaves and what
// returns; and what came of it. The guard outlives the call's connections by being shared.

#include "outcome.hpp"
#include "secret_stage.hpp"

#include <librebird/hands/egress/fence.hpp>

#include <string>
#include <vector>

namespace librebird::hands {

// A secret goes over TLS, and to named hosts only.
// `wall_time`: how long the call may take; no request of it is given up sooner.
egress::CallPolicy network_policy(std::vector<std::string> hosts, const CallSecrets& secrets, Millis wall_time);

// What went over the network: for an audit row of its own, and into what the call used.
void note_traffic(const egress::Call& network, Outcome& outcome);

}  // namespace librebird::hands
