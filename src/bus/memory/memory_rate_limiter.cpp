#include <librebird/bus/memory_rate_limiter.hpp>

#include <algorithm>
#include <cmath>
#include <list>
#include <unordered_map>

namespace librebird::bus {
namespace {

class MemoryRateLimiter final : public RateLimiter {
 public:
  MemoryRateLimiter(const Clock& clock, std::size_t most) : clock_(clock), most_(std::max<std::size_t>(most, 1)) {}

  Task<Status> take(std::vector<RateBucket> buckets) override {
    const SteadyTime now = clock_.steady_now();
    std::chrono::duration<double> wait{0};
    for (const RateBucket& bucket : buckets) {
      if (bucket.per_minute <= 0) continue;
      const double there = level(bucket, now);
      if (there < 1 - 1e-9) wait = std::max(wait, std::chrono::duration<double>((1 - there) * 60 / bucket.per_minute));
    }
    if (wait.count() > 0) {
      Error error = make_error(Code::resource_exhausted, "Too many requests: wait for a moment, and send fewer.");
      // Less than the rounding of the numbers is no time.
      error.retry_after = Millis(static_cast<std::int64_t>(std::ceil(wait.count() * 1000 - 1e-6)));
      co_return error;
    }
    for (const RateBucket& bucket : buckets) {
      if (bucket.per_minute > 0) put(bucket.key, level(bucket, now) - 1, now);
    }
    co_return Ok{};
  }

 private:
  struct Bucket {
    std::string key;
    double tokens = 0;
    SteadyTime at;
  };

  // What it holds by now.
  [[nodiscard]] double level(const RateBucket& bucket, SteadyTime now) const {
    const double full = std::max(bucket.burst, 1);
    const auto found = buckets_.find(bucket.key);
    if (found == buckets_.end()) return full;
    const std::chrono::duration<double> passed = now - found->second->at;
    return std::min(full, found->second->tokens + passed.count() * bucket.per_minute / 60);
  }

  void put(const std::string& key, double tokens, SteadyTime now) {
    const auto found = buckets_.find(key);
    if (found != buckets_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      found->second->tokens = tokens;
      found->second->at = now;
      return;
    }
    if (buckets_.size() >= most_) {
      buckets_.erase(order_.back().key);
      order_.pop_back();
    }
    order_.push_front({key, tokens, now});
    buckets_.emplace(key, order_.begin());
  }

  const Clock& clock_;
  const std::size_t most_;
  std::list<Bucket> order_;  // the one used last is first
  std::unordered_map<std::string, std::list<Bucket>::iterator> buckets_;
};

}  // namespace

std::unique_ptr<RateLimiter> make_memory_rate_limiter(const Clock& clock, std::size_t most) {
  return std::make_unique<MemoryRateLimiter>(clock, most);
}

}  // namespace librebird::bus
