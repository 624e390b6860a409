#pragma once

// Counts what the kernel does not bound for us: files in the scratch folder; and, for root without control groups, the
// processes and memory of this process namespace.

#include <cstdint>

namespace librebird::runner {

// 0: not bounded.
struct Bounds {
  long processes = 0;  // beside the first process of the namespace and ourselves; threads count
  std::int64_t memory = 0;
  std::int64_t files = 0;  // in /tmp, a file system of its own
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
