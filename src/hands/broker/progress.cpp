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
  bool full = false;
  return [&clock, call_id = std::move(call_id), sink = std::move(sink), last, full](double fraction,
                                                                                    std::string_view message) mutable {
    const SteadyTime now = clock.steady_now();
    // The last step is told in any case, once.
    const bool first_full = fraction >= 1.0 && !full;
    if (last && now - *last < kPace && !first_full) return;
    full = full || first_full;
    last = now;
    ToolProgress progress;
    progress.call_id = call_id;
    if (std::isfinite(fraction) && fraction >= 0) progress.fraction = std::min(fraction, 1.0);
    progress.message = to_valid_utf8(utf8_prefix(message, kMaxMessage));
    sink(progress);
  };
}

}  // namespace librebird::hands
