#pragma once

// A database on a server as a file, for backup and verify. Blocking; runs the platform's loop.

#include "platform.hpp"

namespace librebird::apps {

[[nodiscard]] bool is_on_server(const Platform& p);
// One moment of it, while it is served, in a new file. Without keys: what is sealed is copied as it is. Errors: those
// of both databases; failed_precondition (of an older schema); data_loss (the copy differs).
Status export_database(Platform& p, const std::string& file);

}  // namespace librebird::apps
