#pragma once

// Counting what is asked of models, and the limits that hold; shared by the stores. Inside database work. Private.

#include <librebird/core/model/principal.hpp>
#include <librebird/core/model/usage.hpp>
#include <librebird/storage/sql/database.hpp>

#include <optional>
#include <string_view>
#include <vector>

namespace librebird::storage {

// One set of limits that holds for somebody somewhere.
struct HoldingLimits {
  std::string_view of;
  std::string_view raised_by;
  UsageLimits limits;
};

// Those of which at least one is a number. `stored`: false if it is known that none is stored.
Result<std::vector<HoldingLimits>> limits_that_hold(Connection& db, const Principal& principal, const UsageRules& rules,
                                                    bool stored = true);
Result<std::optional<UsageLimits>> stored_limits(Connection& db, std::string_view set_for,
                                                 std::string_view workspace_id, std::string_view user_id);

// What counts for `of`; without the bytes, which only the platform itself can see.
Result<UsageTotals> totals_of(Connection& db, std::string_view of, const Principal& principal, UnixMillis now);
// Those that are set, of what is not bytes.
std::vector<LimitUse> lines_of(const HoldingLimits& holding, const UsageTotals& used, UnixMillis now);

// What is kept in conversations; the platform itself sees it.
Result<std::int64_t> bytes_of(Connection& db, std::string_view of, const Principal& who);

// Writes the entry of one turn and checks it against the limits: resource_exhausted.
Status count_usage(Connection& db, const Principal& principal, std::string_view id,
                   const std::vector<HoldingLimits>& holding, UnixMillis now);
// Checks what is kept by now, and so many bytes more: too_large.
Status check_room(Connection& db, const Principal& principal, const std::vector<HoldingLimits>& holding,
                  std::int64_t more = 0);
// The error for a line that is passed.
Error limit_reached(LimitUse line, UnixMillis now);

}  // namespace librebird::storage
