#include "repetition.hpp"

#include <functional>
#include <string_view>

namespace librebird::brain::loop {
namespace {

std::uint64_t mix(std::uint64_t seed, std::uint64_t value) {
  return (seed ^ (value + 0x9E3779B97F4A7C15ULL + (seed << 6) + (seed >> 2))) * 0xFF51AFD7ED558CCDULL;
}

std::uint64_t mark_of(const ToolCall& call, const ToolResult& result) {
  const std::hash<std::string_view> hash;
  std::uint64_t mark = mix(hash(call.name), hash(call.arguments_json));
  mark = mix(mark, hash(result.content_json));
  return mix(mark, static_cast<std::uint64_t>(result.status));
}

bool repeats(const std::vector<std::uint64_t>& marks, std::size_t period) {
  const std::size_t window = period * Repetition::kTimes;
  if (marks.size() < window) return false;
  for (std::size_t i = marks.size() - window + period; i < marks.size(); ++i) {
    if (marks[i] != marks[i - period]) return false;
  }
  return true;
}

}  // namespace

bool Repetition::add(const std::vector<ToolCall>& calls, const std::vector<ToolResult>& results) {
  std::uint64_t step = calls.size();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const std::uint64_t mark = mark_of(calls[i], results[i]);
    calls_.push_back(mark);
    step = mix(step, mark);
  }
  steps_.push_back(step);
  return repeats(steps_, 1) || repeats(steps_, 2) || repeats(calls_, 1) || repeats(calls_, 2);
}

}  // namespace librebird::brain::loop
