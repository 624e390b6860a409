#pragma once

// The one implementation of core/ports/http_client.hpp: HTTP/1.1 over TCP or TLS 1.2+ (system trust store, host name
// checked), connections reused per origin, resolved addresses vetted per Reach. Loop only; resolving runs on a pool.

#include <librebird/base/async/pool.hpp>
#include <librebird/core/ports/http_client.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace librebird::net {

struct ClientOptions {
  std::size_t idle_connections_per_origin = 64;
  Millis idle_connection_lifetime{30'000};
  // Operator's fixed addresses, "host" -> "address:port" (like curl --connect-to): mirrors inside a company, tests.
  // Vetting does not apply to them.
  std::map<std::string, std::string> connect_to;
  std::string ca_file;  // empty: the system's
};

std::unique_ptr<HttpClient> make_http_client(Loop& loop, Pool& resolver, ClientOptions options);

// True if a connection to this address (IPv4 or IPv6 text) leaves for the public internet: not private, loopback,
// link-local, CGNAT (100.64/10), benchmark (198.18/15), multicast, unspecified, documentation, mapped or translated
// forms of those.
[[nodiscard]] bool is_public_address(const std::string& address);

}  // namespace librebird::net
