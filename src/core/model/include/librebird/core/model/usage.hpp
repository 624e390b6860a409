#pragma once

// What is used of the models and of storage, and how much may be. Values; no thread rule.
//
// Days and months are those of UTC. Costs are millionths of the currency in which `limits.prices` are given.

#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

// 0: no limit.
struct UsageLimits {
  std::int64_t messages_a_day = 0;
  std::int64_t tokens_a_day = 0;
  std::int64_t tokens_a_month = 0;
  std::int64_t cost_a_month = 0;
  std::int64_t bytes = 0;  // of what is kept in conversations

  friend bool operator==(const UsageLimits&, const UsageLimits&) = default;
};

// What holds for every user (in all workspaces together) and every workspace for which the operator says nothing else.
struct UsageRules {
  UsageLimits user;
  UsageLimits workspace;
};

// What answering one turn took.
struct Spent {
  std::int64_t tokens = 0;
  std::int64_t cost = 0;

  friend bool operator==(const Spent&, const Spent&) = default;
};

struct UsageTotals {
  std::int64_t messages_today = 0;
  std::int64_t tokens_today = 0;
  std::int64_t tokens_this_month = 0;
  std::int64_t cost_this_month = 0;
  std::int64_t bytes = 0;

  friend bool operator==(const UsageTotals&, const UsageTotals&) = default;
};

struct UsageReport {
  UsageTotals used;
  std::vector<LimitUse> lines;  // every limit that holds, of a user, workspace or member; what: a field of UsageLimits
};

struct MemberUsage {
  std::string user_id;
  std::string display_name;
  UsageTotals used;
  UsageLimits limits;  // set for this member by the workspace
};

struct WorkspaceUsage {
  UsageReport report;
  UsageLimits own;  // set by the workspace for itself
  std::vector<MemberUsage> members;
};

// The beginnings of the day and the month that `now` lies in, and of those that follow.
struct UsageTimes {
  UnixMillis day = 0;
  UnixMillis next_day = 0;
  UnixMillis month = 0;
  UnixMillis next_month = 0;
};
[[nodiscard]] UsageTimes usage_times(UnixMillis now);

}  // namespace librebird
