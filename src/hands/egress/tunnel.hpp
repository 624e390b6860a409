#pragma once

// A CONNECT to a host marked "tunnel:": resolved, vetted and pinned like any other, counted, and not looked into.

#include "call_state.hpp"

namespace librebird::egress {

Task<void> tunnel(Wire& wire, std::string& received, CallState& state, std::shared_ptr<Binding> binding, Target target,
                  std::stop_token stop);

}  // namespace librebird::egress
