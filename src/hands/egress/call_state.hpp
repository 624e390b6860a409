#pragma once

// What the connections of one call share. Loop only.

#include "binding.hpp"
#include "tls_server.hpp"
#include "wire.hpp"

#include <librebird/base/async/scope.hpp>

#include <set>

namespace librebird::egress {

// Both ends of a tunnel, and when it counts as dead.
struct Tunnel {
  Wire* inside = nullptr;
  ByteStream* outside = nullptr;
  SteadyTime until;
};

struct CallState {
  HttpClient& http;
  TlsServer& tls;
  std::unique_ptr<Authority> authority;
  std::shared_ptr<Binding> binding;  // null: idle
  std::set<Wire*> wires;
  std::set<Tunnel*> tunnels;
};

}  // namespace librebird::egress
