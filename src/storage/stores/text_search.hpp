#pragma once

// The port inside storage for what the engines do differently: finding words. One implementation a dialect.
// Thread rule: catch_up() and note_new_messages() on the loop; the others inside database work.

#include <librebird/core/ports/stores.hpp>
#include <librebird/storage/sql/database.hpp>

#include "search_text.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::storage {

class TextSearch {
 public:
  struct Hit {
    std::int64_t seq = 0;  // of the message
    double score = 0;      // larger is nearer
  };
  struct Found {
    std::int64_t seq = 0;
    std::string conversation_id;
  };

  virtual ~TextSearch() = default;

  // A message of this owner was inserted, in the same transaction; it may be indexed now or later.
  virtual Status added(Connection& db, std::string_view message_id, const Principal& owner,
                       std::string_view content) = 0;
  // A message was committed.
  virtual void note_new_messages() = 0;
  // Returns when everything committed before is found by search. What cannot be indexed now is left for later.
  virtual Task<void> catch_up() = 0;

  // Messages of the principal with this word, newest first, without superseded ones.
  virtual Result<std::vector<Found>> with_word(Connection& db, const Principal& principal, const SearchWord& word,
                                               int limit) = 0;
  // Messages of the principal with any of the words, best first, superseded ones included.
  virtual Result<std::vector<Hit>> best(Connection& db, const Principal& principal,
                                        const std::vector<SearchWord>& words, int limit) = 0;
  // Call it before the rows of a conversation are deleted, in the same transaction, and removed() after that.
  virtual Status removing(Connection& db, std::string_view conversation_id) = 0;
  virtual Status removed(Connection& db) = 0;
};

}  // namespace librebird::storage
