#pragma once

// The port inside storage for what the engines do differently: finding words. One implementation a dialect.
// Messages are indexed a little after they were committed: it costs as much as the rest of their transaction.
// Thread rule: catch_up() and note_new_messages() on the loop; the others inside database work.

#include <librebird/core/ports/stores.hpp>
#include <librebird/storage/sql/database.hpp>

#include "search_text.hpp"

#include <cstdint>
#include <span>
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

  // Messages with these ids were committed.
  virtual void note_new_messages(std::span<const std::string> ids) = 0;
  // Returns when everything that was noted before is found by search. What cannot be indexed now is left for later.
  virtual Task<void> catch_up() = 0;

  // Messages that the principal may read with this word (written by him, or in the latest conversations that are
  // shared by or with him), newest first, without superseded ones.
  virtual Result<std::vector<Found>> with_word(Connection& db, const Principal& principal, const SearchWord& word,
                                               int limit) = 0;
  // Messages by the principal with any of the words, best first, superseded ones included.
  virtual Result<std::vector<Hit>> best(Connection& db, const Principal& principal,
                                        const std::vector<SearchWord>& words, int limit) = 0;
  // Call it before the rows of a conversation are deleted, in the same transaction, and removed() after that.
  virtual Status removing(Connection& db, std::string_view conversation_id) = 0;
  virtual Status removed(Connection& db) = 0;
  // The same for what somebody wrote, wherever it stands; before it is changed.
  virtual Status removing_author(Connection& db, std::string_view user_id) = 0;
  // Nothing of what was removed is left in the index's own storage.
  virtual Status forget(Connection& db) = 0;
};

// The latest conversations that the principal may read because they are shared, by or with him; more would make a
// search slow.
Result<std::vector<std::string>> shared_conversations(Connection& db, const Principal& principal);

}  // namespace librebird::storage
