#pragma once

#include "platform.hpp"

namespace librebird::apps {

// Runs the body of a process that runs tools, and looks after the audit log meanwhile: ends what a killed process left
// open, at the start and every hour, and removes what is older than the settings say.
Task<int> keep_audit_during(Platform& platform, Task<int> body);

}  // namespace librebird::apps
