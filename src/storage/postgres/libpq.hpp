// libpq, loaded by the first thing that needs it: an installation on SQLite neither has to have it nor pays for the
// twenty libraries behind it (2.5 MiB of idle memory, 15 ms of start-up). Call `load_libpq()` before any PQ function;
// libpq.cpp defines those this folder calls and passes them on. Any thread.
#pragma once

#include <libpq-fe.h>

#include <librebird/base/result.hpp>

namespace librebird::storage {

// Unavailable, with the package to install, when the library cannot be loaded.
Result<Ok> load_libpq();

// One attempt, by file name. The handle is never closed.
Result<void*> load_library(const char* file);

}  // namespace librebird::storage
