#pragma once

// Counts what is alive in this process namespace, where the kernel does not do it for us: root without control groups.

#include <cstdint>

namespace librebird::runner {

// 0: not bounded.
struct Bounds {
  long processes = 0;  // beside the first process of the namespace and ourselves; threads count
  std::int64_t memory = 0;
};

class Tally {
 public:
  explicit Tally(Bounds bounds) : bounds_(bounds) {}
  // What there is too much of; null if all is well. A namespace that cannot be looked at is too much.
  const char* exceeded() const;

 private:
  Bounds bounds_;
};

}  // namespace librebird::runner
