#include "sqlite_search.hpp"

#include <librebird/base/log.hpp>

#include "rows.hpp"

namespace librebird::storage {
namespace {

constexpr int kBatch = 128;

// Under whose name a message is found: its author's, and that of its conversation, for those who share it.
std::string owner_tokens(std::string_view workspace_id, std::string_view user_id, std::string_view conversation_id) {
  return author_token(workspace_id, user_id) + " " + conversation_token(conversation_id);
}

// Tokens hold no quotes, so nothing in them is FTS5 syntax.
std::string phrase(const SearchWord& word) {
  std::string out = "\"";
  for (const std::string& token : word.tokens) {
    if (out.size() > 1) out.push_back(' ');
    out += token;
  }
  out += word.prefix ? "\" *" : "\"";
  return out;
}

std::string within(const std::string& owners, const std::string& expression) {
  return "owner : (" + owners + ") AND body : (" + expression + ")";
}

struct IndexedMessage {
  std::int64_t seq = 0;
  std::string owner;
  std::string body;
  std::string emptied_owner;  // when its author is nobody
};

IndexedMessage indexed_message(const Row& row) {
  return {row.integer(0), owner_tokens(row.text(1), row.text(2), row.text(4)), index_text(row.text(3)),
          owner_tokens(row.text(1), "", row.text(4))};
}

}  // namespace

Status SqliteSearch::rebuild(Connection& db) {
  LB_CHECK(db.execute("INSERT INTO message_search (message_search) VALUES ('delete-all')"));
  LB_CHECK(db.execute("UPDATE search_state SET indexed_seq = 0 WHERE id = 1"));
  return Ok{};
}

Result<bool> SqliteSearch::index_some(Connection& db) {
  auto number = [](const Row& row) { return row.integer(0); };
  LB_TRY(indexed, db.one("SELECT indexed_seq FROM search_state WHERE id = 1", number));
  LB_TRY(batch, db.all("SELECT seq, workspace_id, user_id, content, conversation_id FROM messages WHERE seq > $1 "
                       "ORDER BY seq LIMIT $2",
                       indexed_message, indexed.value_or(0), kBatch));
  if (batch.empty()) return false;
  for (const IndexedMessage& message : batch) {
    LB_CHECK(db.execute("INSERT INTO message_search (rowid, owner, body) VALUES ($1, $2, $3)", message.seq,
                        message.owner, message.body));
  }
  LB_CHECK(db.execute("UPDATE search_state SET indexed_seq = $1 WHERE id = 1", batch.back().seq));
  return batch.size() == kBatch;
}

Task<void> SqliteSearch::catch_up() {
  auto behind = [](Connection& db) -> Result<bool> {
    auto number = [](const Row& row) { return row.integer(0); };
    LB_TRY(last, db.one("SELECT COALESCE((SELECT MAX(seq) FROM messages), 0) > indexed_seq FROM search_state", number));
    return last.value_or(0) != 0;
  };
  Result<bool> more = co_await database_.read(kService, behind);
  auto index = [](Connection& db) { return index_some(db); };
  while (more && *more) more = co_await database_.write(kService, index, Durability::ordered);
  if (!more) log::warn("the search index could not be brought up to date", {{"error", more.error().message}});
}

Result<std::vector<TextSearch::Found>> SqliteSearch::with_word(Connection& db, const Principal& principal,
                                                               const SearchWord& word, int limit) {
  auto found = [](const Row& row) { return Found{row.integer(0), row.string(1)}; };
  std::string owners = "\"" + author_token(principal.workspace_id, principal.user_id) + "\"";
  LB_TRY(shared, shared_conversations(db, principal));
  for (const std::string& id : shared) owners += " OR \"" + conversation_token(id) + "\"";
  return db.all(
      "SELECT m.seq, m.conversation_id FROM message_search s JOIN messages m ON m.seq = s.rowid JOIN conversations c "
      "ON "
      "c.id = m.conversation_id WHERE s.message_search MATCH $1 AND m.superseded_by IS NULL AND " LB_MAY_READ(
          "$2", "$3") " ORDER BY s.rowid DESC LIMIT $4",
      found, within(owners, phrase(word)), principal.workspace_id, principal.user_id, limit);
}

Result<std::vector<TextSearch::Hit>> SqliteSearch::best(Connection& db, const Principal& principal,
                                                        const std::vector<SearchWord>& words, int limit) {
  std::string any;
  for (const SearchWord& word : words) any += (any.empty() ? "" : " OR ") + phrase(word);
  // bm25() is smaller for better matches; the owner's column has no weight.
  auto hit = [](const Row& row) { return Hit{row.integer(0), static_cast<double>(-row.integer(1)) / 1e6}; };
  return db.all(
      "SELECT rowid, CAST(bm25(message_search, 0.0, 1.0) * 1000000 AS INTEGER) AS rating FROM message_search "
      "WHERE message_search MATCH $1 ORDER BY rating, rowid DESC LIMIT $2",
      hit, within("\"" + author_token(principal.workspace_id, principal.user_id) + "\"", any), limit);
}

namespace {
Status take_out(Connection& db, const std::vector<IndexedMessage>& gone) {
  for (const IndexedMessage& message : gone) {
    LB_CHECK(db.execute("INSERT INTO message_search (message_search, rowid, owner, body) VALUES ('delete', $1, $2, $3)",
                        message.seq, message.owner, message.body));
  }
  return Ok{};
}
}  // namespace

Status SqliteSearch::removing(Connection& db, std::string_view conversation_id) {
  LB_TRY(gone, db.all("SELECT seq, workspace_id, user_id, content, conversation_id FROM messages WHERE conversation_id "
                      "= $1 AND seq <= "
                      "(SELECT indexed_seq FROM search_state WHERE id = 1)",
                      indexed_message, conversation_id));
  return take_out(db, gone);
}

Status SqliteSearch::removing_author(Connection& db, std::string_view user_id) {
  LB_TRY(gone, db.all("SELECT seq, workspace_id, user_id, content, conversation_id FROM messages WHERE user_id = $1 "
                      "AND seq <= (SELECT indexed_seq FROM search_state WHERE id = 1)",
                      indexed_message, user_id));
  LB_CHECK(take_out(db, gone));
  // The emptied rows stay in the index as such: when one is deleted, what is taken out is what stands there.
  for (const IndexedMessage& message : gone) {
    LB_CHECK(
        db.execute("INSERT INTO message_search (rowid, owner, body) SELECT seq, $2, '' FROM messages WHERE seq = $1",
                   message.seq, message.emptied_owner));
  }
  return Ok{};
}

Status SqliteSearch::forget(Connection& db) {
  // Taken out words stay in their segment until it is merged.
  LB_CHECK(db.execute("INSERT INTO message_search (message_search) VALUES ('optimize')"));
  return Ok{};
}

Status SqliteSearch::removed(Connection& db) {
  // The engine gives the numbers of deleted rows at the end of the table away again.
  LB_CHECK(
      db.execute("UPDATE search_state SET indexed_seq = (SELECT COALESCE(MAX(seq), 0) FROM messages) WHERE id = 1 AND "
                 "indexed_seq > (SELECT COALESCE(MAX(seq), 0) FROM messages)"));
  return Ok{};
}

}  // namespace librebird::storage
