#pragma once

// This machine's time and zone, as a tool is told them: no zone files are needed inside a sandbox.

#include <cstdint>
#include <string>

namespace librebird::hands {

struct LocalTime {
  std::int64_t now = 0;  // Unix milliseconds
  std::string name;      // "Europe/Berlin"
  std::string abbreviation;
  long offset = 0;  // seconds east of UTC
};

LocalTime local_time();
// The zone for the environment of a program: its name, or empty.
std::string zone_name();

}  // namespace librebird::hands
