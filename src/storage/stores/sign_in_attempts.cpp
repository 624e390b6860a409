#include "sign_in_attempts.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace librebird::storage {
namespace {

constexpr UnixMillis kForgottenAfter = 24LL * 3600 * 1000;
// Subjects come from outside: only so many are remembered, those that are closed last of all forgotten.
constexpr std::int64_t kMostSubjects = 20'000;

struct Attempts {
  std::int64_t failures = 0;
  UnixMillis closed_until = 0;
};

Result<Attempts> attempts_of(Connection& db, const AttemptLimit& limit, UnixMillis now) {
  auto map = [](const Row& row) { return Attempts{row.integer(0), row.integer(1)}; };
  LB_TRY(known, db.one("SELECT failures, closed_until FROM sign_in_attempts WHERE subject = $1 AND last_at > $2", map,
                       limit.subject, now - kForgottenAfter));
  return known.value_or(Attempts{});
}

Millis closed_for(const AttemptLimit& limit, std::int64_t failures) {
  if (failures <= limit.free) return Millis(0);
  const std::int64_t doublings = std::min<std::int64_t>(failures - limit.free - 1, 20);
  return std::min(limit.most, limit.first * (std::int64_t{1} << doublings));
}

}  // namespace

Status check_attempts(Connection& db, const std::vector<AttemptLimit>& limits, UnixMillis now) {
  UnixMillis until = 0;
  for (const AttemptLimit& limit : limits) {
    LB_TRY(attempts, attempts_of(db, limit, now));
    until = std::max(until, attempts.closed_until);
  }
  if (until <= now) return Ok{};
  Error error = make_error(Code::resource_exhausted, fmt::format("Too many attempts failed: try again in {} seconds.",
                                                                 (until - now + 999) / 1000));
  error.retry_after = Millis(until - now);
  return error;
}

Status count_attempts(Connection& db, const std::vector<AttemptLimit>& limits, UnixMillis now) {
  LB_CHECK(check_attempts(db, limits, now));
  for (const AttemptLimit& limit : limits) {
    LB_TRY(attempts, attempts_of(db, limit, now));
    const std::int64_t failures = attempts.failures + 1;
    const UnixMillis until = now + closed_for(limit, failures).count();
    LB_CHECK(
        db.execute("INSERT INTO sign_in_attempts (subject, failures, last_at, closed_until) VALUES ($1, $2, $3, $4) "
                   "ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at, "
                   "closed_until = excluded.closed_until",
                   limit.subject, failures, now, until));
  }
  LB_CHECK(db.execute("DELETE FROM sign_in_attempts WHERE last_at <= $1", now - kForgottenAfter));
  LB_CHECK(
      db.execute("DELETE FROM sign_in_attempts WHERE subject IN (SELECT subject FROM sign_in_attempts ORDER BY "
                 "closed_until DESC, last_at DESC LIMIT 1000 OFFSET $1)",
                 kMostSubjects));
  return Ok{};
}

Status forgive_attempts(Connection& db, const std::vector<AttemptLimit>& limits) {
  for (const AttemptLimit& limit : limits) {
    if (limit.forgive) {
      LB_CHECK(db.execute("DELETE FROM sign_in_attempts WHERE subject = $1", limit.subject));
    } else {
      LB_CHECK(
          db.execute("UPDATE sign_in_attempts SET failures = failures - 1, closed_until = CASE WHEN failures - 1 <= "
                     "$2 THEN 0 ELSE closed_until END WHERE subject = $1 AND failures > 0",
                     limit.subject, limit.free));
    }
  }
  return Ok{};
}

}  // namespace librebird::storage
