#include <librebird/base/clock.hpp>

#include <fmt/format.h>
#include <ctime>

namespace librebird {

UnixMillis SystemClock::unix_now() const {
  return std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch()).count();
}

SteadyTime SystemClock::steady_now() const { return std::chrono::steady_clock::now(); }

std::string to_rfc3339(UnixMillis time) {
  auto seconds = static_cast<std::time_t>(time / 1000);
  auto millis = time % 1000;
  if (millis < 0) {
    millis += 1000;
    --seconds;
  }
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, millis);
}

}  // namespace librebird
