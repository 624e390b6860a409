#pragma once

// One connection of a program to the fence. Loop only.

#include "call_state.hpp"

#include <stop_token>

namespace librebird::egress {

// `state` outlives it.
Task<void> serve(Socket socket, CallState& state, std::stop_token stop);

}  // namespace librebird::egress
