#pragma once

// A database on a server as a file, and out of one: for backup, verify and restore. Blocking; runs the platform's loop.

#include "platform.hpp"

namespace librebird::apps {

[[nodiscard]] bool is_on_server(const Platform& p);
// One moment of it, while it is served, in a new file. Without keys: what is sealed is copied as it is. Errors: those
// of both databases; failed_precondition (of an older schema); data_loss (the copy differs).
Status export_database(Platform& p, const std::string& file);
// All of a file's database into the one on the server, or nothing. `replace`: what that holds is deleted. Errors: those
// of both; failed_precondition (it holds something else, is in use, newer, or older and not empty).
Status import_database(Platform& p, const std::string& file, bool replace);

}  // namespace librebird::apps
