#pragma once

// The parts of an absolute http or https URL that a request needs. Pure, any thread.

#include <librebird/base/result.hpp>

#include <cstdint>
#include <string>

namespace librebird::net {

struct Url {
  bool tls = false;
  std::string host;    // lower case; IPv6 without brackets
  std::uint16_t port = 80;
  std::string target;  // path and query
  [[nodiscard]] std::string origin() const;  // for pools and errors: never holds the path or query
  [[nodiscard]] std::string host_header() const;
};

// invalid_argument: not absolute, another scheme, user info, no host, port 0.
Result<Url> parse_url(const std::string& text);

}  // namespace librebird::net
