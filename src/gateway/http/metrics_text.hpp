#pragma once

#include <string>

namespace librebird::gateway {

// All metrics of the process in the Prometheus text format 0.0.4. Any thread.
[[nodiscard]] std::string metrics_text();

}  // namespace librebird::gateway
