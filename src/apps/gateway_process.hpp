#pragma once

// The part that `serve` and `gateway` share: the gateway on the platform's storage, from its first line to its last.

#include <librebird/core/ports/event_bus.hpp>
#include <librebird/core/ports/hands_service.hpp>

#include "platform.hpp"

namespace librebird::apps {

// Listens, tells how to reach it, runs until a signal, drains. Returns the exit code.
Task<int> run_gateway_until_signal(Platform& platform, BrainService& brain, HandsService& hands);

}  // namespace librebird::apps
