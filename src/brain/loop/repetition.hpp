#pragma once

// Sees when a model goes round in circles: the same calls with the same arguments and the same results, again and
// again, or two alternating ones. Pure.

#include <librebird/core/model/tool.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace librebird::brain::loop {

class Repetition {
 public:
  // Notes one step. True if the last `kTimes` rounds were the same, with a period of one or two.
  [[nodiscard]] bool add(const std::vector<ToolCall>& calls, const std::vector<ToolResult>& results);

  static constexpr std::size_t kTimes = 3;

 private:
  std::vector<std::uint64_t> steps_;
  std::vector<std::uint64_t> calls_;
};

}  // namespace librebird::brain::loop
