#pragma once

// What an address option means to gRPC. Pure.

#include <librebird/base/result.hpp>

#include <string>
#include <string_view>

namespace librebird::rpc {

struct Address {
  std::string target;   // for a channel: "ipv4:127.0.0.1:50051", "dns:///brain:50051", "unix:/run/brain"
  std::string listen;   // for a server: "127.0.0.1:50051", "unix:/run/brain"
  bool local = false;   // never leaves this machine
};

// invalid_argument with the reason.
Result<Address> parse_address(std::string_view text);

}  // namespace librebird::rpc
