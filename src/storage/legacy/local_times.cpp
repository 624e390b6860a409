#include "local_times.hpp"

#include <absl/time/civil_time.h>
#include <absl/time/time.h>
#include <fmt/format.h>

namespace librebird::storage::legacy {
namespace {

// Reads from the front of a text.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}
  // Exactly `digits` of them.
  std::optional<int> number(std::size_t digits) {
    if (rest_.size() < digits) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return std::nullopt;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }
  bool skip(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

std::optional<absl::CivilDay> day_of(Cursor& in) {
  const auto year = in.number(4);
  if (!year || !in.skip('-')) return std::nullopt;
  const auto month = in.number(2);
  if (!month || !in.skip('-')) return std::nullopt;
  const auto day = in.number(2);
  if (!day) return std::nullopt;
  const absl::CivilDay civil(*year, *month, *day);  // carries over what does not exist
  if (civil.year() != *year || civil.month() != *month || civil.day() != *day) return std::nullopt;
  return civil;
}

std::optional<int> millis_of(Cursor& in) {
  if (!in.skip('.')) return 0;
  int millis = 0;
  int digits = 0;
  while (const auto digit = in.number(1)) {
    if (digits < 3) millis = millis * 10 + *digit;
    if (++digits > 9) return std::nullopt;
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 3; ++digits) millis *= 10;
  return millis;
}

// Minutes east of Greenwich, if the text says so.
struct Offset {
  bool given = false;
  int minutes = 0;
};
std::optional<Offset> offset_of(Cursor& in) {
  if (in.at_end()) return Offset{};
  if (in.skip('Z')) return Offset{true, 0};
  const bool west = in.skip('-');
  if (!west && !in.skip('+')) return std::nullopt;
  const auto hours = in.number(2);
  in.skip(':');
  const auto minutes = in.number(2);
  if (!hours || !minutes || *hours > 18 || *minutes > 59) return std::nullopt;
  const int east = *hours * 60 + *minutes;
  return Offset{true, west ? -east : east};
}

}  // namespace

struct LocalTimes::Zone {
  absl::TimeZone zone;
};

Result<LocalTimes> LocalTimes::in(const std::string& name) {
  auto zone = std::make_shared<Zone>();
  if (name.empty()) {
    zone->zone = absl::LocalTimeZone();
  } else if (name.find("..") != std::string::npos || name.front() == '/' || !absl::LoadTimeZone(name, &zone->zone)) {
    return {Code::invalid_argument,
            fmt::format("The time zone `{}` is not known here: name one like Europe/Berlin, or UTC.", name)};
  }
  std::string shown = zone->zone.name();
  return LocalTimes(std::move(zone), std::move(shown));
}

std::optional<UnixMillis> LocalTimes::parse(std::string_view text, UnixMillis not_before) const {
  Cursor in(text);
  const auto day = day_of(in);
  if (!day || (!in.skip(' ') && !in.skip('T'))) return std::nullopt;
  const auto hour = in.number(2);
  if (!hour || !in.skip(':')) return std::nullopt;
  const auto minute = in.number(2);
  if (!minute || !in.skip(':')) return std::nullopt;
  const auto second = in.number(2);
  if (!second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const auto millis = millis_of(in);
  if (!millis) return std::nullopt;
  const auto offset = offset_of(in);
  if (!offset || !in.at_end()) return std::nullopt;
  const absl::CivilSecond civil(day->year(), day->month(), day->day(), *hour, *minute, *second);
  if (offset->given) {
    return absl::ToUnixMillis(absl::FromCivil(civil, absl::UTCTimeZone())) - offset->minutes * 60'000LL + *millis;
  }
  const absl::TimeZone::TimeInfo info = zone_->zone.At(civil);
  const UnixMillis first = absl::ToUnixMillis(info.pre) + *millis;
  if (info.kind == absl::TimeZone::TimeInfo::REPEATED && first < not_before) {
    return absl::ToUnixMillis(info.post) + *millis;
  }
  return first;
}

bool is_date(std::string_view text) {
  Cursor in(text);
  return day_of(in).has_value() && in.at_end();
}

}  // namespace librebird::storage::legacy
