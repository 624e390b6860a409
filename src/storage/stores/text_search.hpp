#pragma once

// The port inside storage for what the engines do differently: finding words. One implementation a dialect.
// Thread rule: catch_up() and note_new_messages() on the loop; the others inside database work.

#include <librebird/core/ports/stores.hpp>
#include <librebird/storage/sql/database.hpp>

#include "search_text.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace librebird::storage {

class TextSearch {
 public:
  struct Hit {
    std::int64_t seq = 0;  // of the message
    double score = 0;      // larger is nearer
  };

  virtual ~TextSearch() = default;

  // A message was committed; it may be indexed some time later.
  virtual void note_new_messages() = 0;
  // Returns when everything committed before is found by search. What cannot be indexed now is left for later.
  virtual Task<void> catch_up() = 0;

  // Messages that the principal may read with this word (written by him, or in the latest conversations that are
  // shared by or with him; the caller checks each once more), newest first, superseded ones included.
  virtual Result<std::vector<std::int64_t>> with_word(Connection& db, const Principal& principal,
                                                      const SearchWord& word, int limit) = 0;
  // Messages by the principal with any of the words, best first, superseded ones included.
  virtual Result<std::vector<Hit>> best(Connection& db, const Principal& principal,
                                        const std::vector<SearchWord>& words, int limit) = 0;
  // Call it before the rows of a conversation are deleted, in the same transaction, and removed() after that.
  virtual Status removing(Connection& db, std::string_view conversation_id) = 0;
  virtual Status removed(Connection& db) = 0;
};

}  // namespace librebird::storage
