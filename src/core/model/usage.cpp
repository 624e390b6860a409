#include <librebird/core/model/usage.hpp>

#include <chrono>

namespace librebird {

UsageTimes usage_times(UnixMillis now) {
  using namespace std::chrono;
  const auto ms = [](sys_days day) {
    return static_cast<UnixMillis>(duration_cast<milliseconds>(day.time_since_epoch()).count());
  };
  const sys_days today = floor<days>(sys_time<milliseconds>(milliseconds(now)));
  const year_month_day date(today);
  const year_month month(date.year(), date.month());
  return {ms(today), ms(today + days(1)), ms(sys_days(month / 1)), ms(sys_days((month + months(1)) / 1))};
}

}  // namespace librebird
