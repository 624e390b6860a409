#pragma once

// Times as the desktop app wrote them: the wall clock of its machine, without a zone. Private.
//
// A time that the clock skipped (spring) is read with the offset from before, so it lands after the gap. A time the
// clock showed twice (autumn) is the first one, unless that would be before `not_before`: then it is the second one.

#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace librebird::storage::legacy {

class LocalTimes {
 public:
  // `zone`: "Europe/Berlin"; empty: this machine's. invalid_argument: unknown.
  static Result<LocalTimes> in(const std::string& zone);

  // "YYYY-MM-DD HH:MM:SS", or with T, a fraction, Z or an offset; nullopt: not a time.
  [[nodiscard]] std::optional<UnixMillis> parse(std::string_view text, UnixMillis not_before = 0) const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  struct Zone;
  LocalTimes(std::shared_ptr<const Zone> zone, std::string name) : zone_(std::move(zone)), name_(std::move(name)) {}
  std::shared_ptr<const Zone> zone_;
  std::string name_;
};

// "YYYY-MM-DD", a day that exists.
[[nodiscard]] bool is_date(std::string_view text);

}  // namespace librebird::storage::legacy
