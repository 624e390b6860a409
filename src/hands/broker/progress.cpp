#include "progress.hpp"

#include <librebird/base/utf8.hpp>

#include <algorithm>
#include <cmath>
#include <optional>

namespace librebird::hands {
namespace {
constexpr Millis kPace{200};
constexpr std::size_t kMaxMessage = 300;
}  // namespace

std::function<void(double, std::string_view)> paced_progress(const Clock& clock, std::string call_id,
                                                             std::function<void(const ToolProgress&)> sink) {
  std::optional<SteadyTime> last;
  return [&clock, call_id = std::move(call_id), sink = std::move(sink), last](double fraction,
                                                                              std::string_view message) mutable {
    const SteadyTime now = clock.steady_now();
    if (last && now - *last < kPace && fraction != 1.0) return;
    last = now;
    ToolProgress progress;
    progress.call_id = call_id;
    if (std::isfinite(fraction) && fraction >= 0) progress.fraction = std::min(fraction, 1.0);
    progress.message = to_valid_utf8(utf8_prefix(message, kMaxMessage));
    sink(progress);
  };
}

}  // namespace librebird::hands
