#pragma once

// RateLimiter inside one process. Loop only. The clock outlives it.

#include <librebird/base/clock.hpp>
#include <librebird/core/ports/rate_limiter.hpp>

#include <cstddef>
#include <memory>

namespace librebird::bus {

// About 200 bytes a bucket.
inline constexpr std::size_t kMostRateBuckets = 50'000;

[[nodiscard]] std::unique_ptr<RateLimiter> make_memory_rate_limiter(const Clock& clock,
                                                                    std::size_t most = kMostRateBuckets);

}  // namespace librebird::bus
