#pragma once

// How long a workspace keeps conversations. A value; no thread rule.

#include <cstdint>

namespace librebird {

inline constexpr std::int64_t kMostRetentionDays = 36'500;

// Days without a new message after which a conversation is deleted; 0: never. What was put into the archive follows a
// rule of its own, so that archiving can mean keeping.
struct RetentionRules {
  std::int64_t conversation_days = 0;
  std::int64_t archived_days = 0;

  friend bool operator==(const RetentionRules&, const RetentionRules&) = default;
};

}  // namespace librebird
