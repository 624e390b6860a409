#pragma once

// Text search on PostgreSQL: tsvectors of the program's own tokens. The table is the platform's, so a search runs as
// the platform and names its owner itself. Private.
//
// Whoever commits a message notes it, and the database's idle work indexes what is noted. That is lost with the
// process; so whoever starts (before his first search), and everybody once an hour, sweeps: looks for messages without
// their words among those that are new since the last sweep but one. `search_state` keeps from where on: numbers are
// given out before their transactions commit, and none takes as long as the time between two sweeps that count.

#include <librebird/base/clock.hpp>

#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "text_search.hpp"

namespace librebird::storage {

class PostgresSearch final : public TextSearch {
 public:
  // `request` asks the database to call index_some() soon; any thread.
  PostgresSearch(Database& database, std::function<void()> request);

  // Of messages that came by copying, behind number `after`; the last one looked at, 0: that was all.
  static Result<std::int64_t> index_behind(Connection& db, std::int64_t after);
  // Indexes one batch inside the caller's transaction; true while there is more. indexed(): that was committed. One
  // caller at a time.
  Result<bool> index_some(Connection& db);
  void indexed();

  void note_new_messages(std::span<const std::string> ids) override;
  Task<void> catch_up() override;
  Result<std::vector<Found>> with_word(Connection& db, const Principal& principal, const SearchWord& word,
                                       int limit) override;
  Result<std::vector<Hit>> best(Connection& db, const Principal& principal, const std::vector<SearchWord>& words,
                                int limit) override;
  Status removing(Connection&, std::string_view) override { return Ok{}; }  // words go with their message
  Status removed(Connection&) override { return Ok{}; }
  Status removing_author(Connection& db, std::string_view user_id) override;
  Status forget(Connection&) override { return Ok{}; }  // the engine clears away by itself

 private:
  struct Noted {
    std::uint64_t number = 0;
    std::string id;
  };
  struct Batch {
    std::vector<std::string> ids;
    std::uint64_t first = 0;  // numbers; 0: it is empty
    std::uint64_t last = 0;
    bool more = false;
  };
  struct Sweep {
    bool begun = false;
    std::int64_t after = 0;
    std::int64_t newest = 0;    // when it began
    std::int64_t began_at = 0;  // by the server's clock
  };
  Batch next_batch();
  void forget_until(std::uint64_t number);
  void note_swept();
  static Result<Sweep> sweep_further(Connection& db, Sweep sweep);
  static Status settle(Connection& db, const Sweep& sweep);

  Database& database_;
  std::function<void()> request_;
  std::mutex mutex_;
  std::deque<Noted> noted_;  // and not known to be indexed yet
  std::uint64_t count_ = 0;  // numbers given out
  bool sweeping_ = true;  // a sweep is due, or under way
  bool ever_swept_ = false;
  SteadyTime swept_at_{};
  // Of index_some(), until indexed().
  std::uint64_t taken_ = 0;
  Sweep sweep_;
  std::optional<Sweep> swept_;
};

}  // namespace librebird::storage
