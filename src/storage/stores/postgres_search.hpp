#pragma once

// Text search on PostgreSQL: tsvectors of the program's own tokens, written in the transaction of their message. The
// table is the platform's, so a search runs as the platform and names its owner itself. Private.

#include "text_search.hpp"

namespace librebird::storage {

class PostgresSearch final : public TextSearch {
 public:
  // Of messages that came without their words, behind number `after`; the last one looked at, 0: none.
  static Result<std::int64_t> index_some(Connection& db, std::int64_t after);
  Status added(Connection& db, const Text& text, const Principal& author) override;
  void note_new_messages() override {}
  Task<void> catch_up() override { co_return; }
  Result<std::vector<Found>> with_word(Connection& db, const Principal& principal, const SearchWord& word,
                                       int limit) override;
  Result<std::vector<Hit>> best(Connection& db, const Principal& principal, const std::vector<SearchWord>& words,
                                int limit) override;
  Status removing(Connection&, std::string_view) override { return Ok{}; }  // words go with their message
  Status removed(Connection&) override { return Ok{}; }
  Status removing_author(Connection& db, std::string_view user_id) override;
  Status forget(Connection&) override { return Ok{}; }  // the engine clears away by itself
};

}  // namespace librebird::storage
