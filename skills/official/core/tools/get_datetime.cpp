// The current local date and time, from the context's clock and zone.
#include <librebird/skills/tool.hpp>

#include <boost/json.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace librebird::skills {
namespace {

constexpr std::array kMonths = {"January", "February", "March",     "April",   "May",      "June",
                                "July",    "August",   "September", "October", "November", "December"};
constexpr std::array kDays = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

template <class... Values>
std::string print(const char* format, Values... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

}  // namespace

Result<boost::json::object> get_datetime(const boost::json::object& /*arguments*/, ToolContext& context) {
  using namespace std::chrono;
  const auto local =
      floor<seconds>(sys_time<milliseconds>(milliseconds(context.now))) + seconds(context.zone.offset_seconds);
  const auto day = floor<days>(local);
  const year_month_day date(day);
  const hh_mm_ss time(local - day);
  const int hour = static_cast<int>(time.hours().count());
  const int minute = static_cast<int>(time.minutes().count());
  const unsigned month = static_cast<unsigned>(date.month());
  const unsigned of_month = static_cast<unsigned>(date.day());
  const int offset = context.zone.offset_seconds / 60;
  const int twelve = hour % 12 == 0 ? 12 : hour % 12;
  return boost::json::object{
      {"date", print("%s %02u, %d", kMonths[month - 1], of_month, static_cast<int>(date.year()))},
      {"time", print("%02d:%02d %s", twelve, minute, hour < 12 ? "AM" : "PM")},
      {"day_of_week", kDays[weekday(day).c_encoding()]},
      {"timezone", context.zone.name},
      {"iso", print("%04d-%02u-%02uT%02d:%02d:%02d%c%02d:%02d", static_cast<int>(date.year()), month, of_month, hour,
                    minute, static_cast<int>(time.seconds().count()), offset < 0 ? '-' : '+', std::abs(offset) / 60,
                    std::abs(offset) % 60)},
  };
}

}  // namespace librebird::skills
