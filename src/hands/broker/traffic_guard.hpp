#pragma once

// What a call's secrets mean for its network: the fence learns the leases, and watches the traffic for everything else.

#include "secret_stage.hpp"

#include <librebird/hands/egress/fence.hpp>

namespace librebird::hands {

// Fills in `secrets` and `inspector`. The policy may outlive the call's secrets.
void arm(egress::CallPolicy& policy, const CallSecrets& secrets);

}  // namespace librebird::hands
