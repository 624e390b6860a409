#pragma once

// How often something may be done: token buckets. One implementation in this process, others where several share one.
//
// Thread rule: loop only.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>

#include <string>
#include <vector>

namespace librebird {

struct RateBucket {
  std::string key;    // what is counted: "user:<id>", "key:<id>", "address:<address>"
  int per_minute = 0; // how fast it fills up again; 0: no limit
  int burst = 0;      // how much it holds
};

class RateLimiter {
 public:
  virtual ~RateLimiter() = default;
  // Takes one from each bucket, or from none. resource_exhausted: one is empty; retry_after says when it is not.
  // Bounded: with too many buckets the one that was used longest ago is forgotten, which is full when it comes again.
  virtual Task<Status> take(std::vector<RateBucket> buckets) = 0;
};

}  // namespace librebird
