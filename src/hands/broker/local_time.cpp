#include "local_time.hpp"

#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <ctime>
#include <string_view>

namespace librebird::hands {

// "Europe/Berlin" from TZ or from where /etc/localtime points; empty if neither says.
std::string zone_name() {
  if (const char* variable = std::getenv("TZ"); variable != nullptr && *variable != '\0') {
    return variable[0] == ':' ? variable + 1 : variable;
  }
  std::array<char, PATH_MAX> target{};
  const ssize_t size = readlink("/etc/localtime", target.data(), target.size() - 1);
  if (size <= 0) return {};
  const std::string_view path(target.data(), static_cast<std::size_t>(size));
  const std::size_t at = path.find("zoneinfo/");
  return at == std::string_view::npos ? std::string() : std::string(path.substr(at + 9));
}

LocalTime local_time() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  std::tm local{};
  localtime_r(&now.tv_sec, &local);
  LocalTime time;
  time.now = static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
  time.abbreviation = local.tm_zone != nullptr ? local.tm_zone : "UTC";
  time.offset = local.tm_gmtoff;
  time.name = zone_name();
  if (time.name.empty()) time.name = time.abbreviation;
  return time;
}

}  // namespace librebird::hands
