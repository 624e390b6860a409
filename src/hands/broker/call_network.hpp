#pragma once

// A call's way to the network: what the egress fence is told to allow, to inject and to watch, and what came of it.

#include "outcome.hpp"
#include "secret_stage.hpp"

#include <librebird/hands/egress/fence.hpp>

#include <string>
#include <vector>

namespace librebird::hands {

// The hosts, the leases for its secrets, and the watch for secrets that leave or return.
egress::CallPolicy policy_for(std::vector<std::string> hosts, const CallSecrets& secrets);

// What went over the network: into the audit row's detail and the call's bytes.
void note_traffic(const egress::Call& network, Outcome& outcome);

}  // namespace librebird::hands
