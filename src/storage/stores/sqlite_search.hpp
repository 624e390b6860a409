#pragma once

// Text search on SQLite's FTS5 (https://www.sqlite.org/fts5.html): a contentless index that is filled in batches by
// the database's idle work. The index knows how far it has come, so nothing is missed after a crash.

#include <atomic>

#include "text_search.hpp"

namespace librebird::storage {

class SqliteSearch final : public TextSearch {
 public:
  // `request` asks the database to call index_some() soon; any thread.
  SqliteSearch(Database& database, std::function<void()> request) : database_(database), request_(std::move(request)) {}

  // Begins the index anew: its form has changed.
  static Status rebuild(Connection& db);
  // Indexes one batch inside the caller's transaction; true while there is more.
  static Result<bool> index_some(Connection& db);

  void note_new_messages(std::span<const std::string> /*ids*/) override { request_(); }
  Task<void> catch_up() override;
  Result<std::vector<Found>> with_word(Connection& db, const Principal& principal, const SearchWord& word,
                                       int limit) override;
  Result<std::vector<Hit>> best(Connection& db, const Principal& principal, const std::vector<SearchWord>& words,
                                int limit) override;
  Status removing(Connection& db, std::string_view conversation_id) override;
  Status removed(Connection& db) override;
  Status removing_author(Connection& db, std::string_view user_id) override;
  Status forget(Connection& db) override;

 private:
  Database& database_;
  std::function<void()> request_;
};

}  // namespace librebird::storage
