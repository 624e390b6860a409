#pragma once

// The certificates that this system trusts, as one PEM text; empty where none are found. Blocking, a small read.

#include <string>

namespace librebird::egress {

[[nodiscard]] std::string system_roots();

}  // namespace librebird::egress
