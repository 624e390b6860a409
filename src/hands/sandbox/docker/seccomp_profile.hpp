#pragma once

// Our system-call filter in the form that container engines load (the OCI runtime specification's, as Docker writes
// it). An allow list: what is neither refused by name nor known to us is answered as an old kernel would (ENOSYS).
// Pure.

#include <librebird/base/result.hpp>

#include <string>

namespace librebird::docker {

// `network`: sockets of IPv4 and IPv6 as well, for the forwarder on the container's own loopback.
Result<std::string> seccomp_profile(bool network);

}  // namespace librebird::docker
