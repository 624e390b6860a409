#include "postgres_search.hpp"

#include "rows.hpp"

#include <librebird/base/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <string>

namespace librebird::storage {
namespace {

// A lexeme keeps 256 places at most and a place is 16,383 at most (textsearch limitations), so a part is short; parts
// overlap by the longest phrase, so that none is cut in two.
constexpr std::size_t kPartTokens = 2000;
constexpr std::size_t kOverlap = 15;
constexpr std::size_t kIndexBytes = 256 * 1024;

// Tokens hold letters and digits only, so nothing in them is syntax; a sign keeps an owner apart from them: the author,
// and the conversation for those who share it.
std::string author_lexeme(const Principal& author) {
  return "'=" + author_token(author.workspace_id, author.user_id) + "'";
}
std::string conversation_lexeme(std::string_view id) { return "'~" + conversation_token(id) + "'"; }

std::string phrase(const SearchWord& word) {
  std::string out;
  for (const std::string& token : word.tokens) {
    if (!out.empty()) out += " <-> ";
    out += "'" + token + "'";
  }
  if (word.prefix) out += ":*";
  return out;
}

std::string vector_of(std::string_view owners, std::span<const Token> tokens) {
  std::string out(owners);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    fmt::format_to(std::back_inserter(out), " '{}':{}", tokens[i].text, i + 1);
  }
  return out;
}

}  // namespace

Status PostgresSearch::added(Connection& db, const Text& text, const Principal& author) {
  const AsPlatform platform(db);
  const std::string_view content = utf8_prefix(text.content, kIndexBytes);
  const std::vector<Token> tokens = tokens_of(content, content.size());
  const std::string owners = author_lexeme(author) + " " + conversation_lexeme(text.conversation_id);
  int part = 0;
  for (std::size_t begin = 0; begin < tokens.size(); begin += kPartTokens - kOverlap) {
    const std::size_t count = std::min(kPartTokens, tokens.size() - begin);
    LB_CHECK(db.post("INSERT INTO message_search (seq, part, words) SELECT seq, $2, $3 FROM messages WHERE id = $1",
                     text.message_id, part++, vector_of(owners, std::span(tokens).subspan(begin, count))));
    if (begin + count == tokens.size()) break;
  }
  return Ok{};
}

Result<std::int64_t> PostgresSearch::index_some(Connection& db, std::int64_t after) {
  struct Message {
    std::int64_t seq;
    std::string id;
    Principal author;
    std::string content;
    std::string conversation_id;
  };
  auto message = [](const Row& row) {
    return Message{
        row.integer(0), row.string(1), {row.string(2), row.string(3), Role::guest, ""}, row.string(4), row.string(5)};
  };
  LB_TRY(batch, db.all("SELECT m.seq, m.id, m.user_id, m.workspace_id, m.content, m.conversation_id FROM messages m "
                       "WHERE m.seq > $1 AND "
                       "NOT EXISTS (SELECT 1 FROM message_search s WHERE s.seq = m.seq) ORDER BY m.seq LIMIT 128",
                       message, after));
  PostgresSearch search;
  for (const Message& each : batch)
    LB_CHECK(search.added(db, {each.id, each.conversation_id, each.content}, each.author));
  return batch.empty() ? 0 : batch.back().seq;
}

Result<std::vector<TextSearch::Found>> PostgresSearch::with_word(Connection& db, const Principal& principal,
                                                                 const SearchWord& word, int limit) {
  const AsPlatform platform(db);
  auto found = [](const Row& row) { return Found{row.integer(0), row.string(1)}; };
  std::string owners = author_lexeme(principal);
  LB_TRY(shared, shared_conversations(db, principal));
  for (const std::string& id : shared) owners += " | " + conversation_lexeme(id);
  return db.all(
      "SELECT DISTINCT m.seq, m.conversation_id FROM message_search s JOIN messages m ON m.seq = s.seq JOIN "
      "conversations c ON c.id = m.conversation_id WHERE s.words @@ $1 AND m.superseded_by IS NULL AND " LB_MAY_READ(
          "$2", "$3") " ORDER BY m.seq DESC LIMIT $4",
      found, fmt::format("({}) & ({})", owners, phrase(word)), principal.workspace_id, principal.user_id, limit);
}

// Each word counts the more, the fewer messages have it; within a message, by how often it is there.
Result<std::vector<TextSearch::Hit>> PostgresSearch::best(Connection& db, const Principal& principal,
                                                          const std::vector<SearchWord>& words, int limit) {
  constexpr std::string_view kSql =
      "WITH hit AS (SELECT w.word, s.seq, MAX(ts_rank(s.words, w.word, 1)) AS weight FROM "
      "unnest(string_to_array($2, '|')) AS q (text), LATERAL (SELECT q.text::tsquery AS word) w, "
      "LATERAL (SELECT seq, words FROM message_search WHERE words @@ ($1::tsquery && w.word) "
      "ORDER BY seq DESC LIMIT 20000) s GROUP BY w.word, s.seq), "
      "rare AS (SELECT word, ln(2 + 1000.0 / COUNT(*)) AS value FROM hit GROUP BY word) "
      "SELECT hit.seq, CAST(SUM(hit.weight * rare.value) * 1000000 AS BIGINT) AS rating FROM hit JOIN rare ON "
      "rare.word = hit.word GROUP BY hit.seq ORDER BY rating DESC, hit.seq DESC LIMIT $3";
  const AsPlatform platform(db);
  std::string any;
  for (const SearchWord& word : words) any += (any.empty() ? "" : "|") + phrase(word);
  auto hit = [](const Row& row) { return Hit{row.integer(0), static_cast<double>(row.integer(1)) / 1e6}; };
  return db.all(kSql, hit, author_lexeme(principal), any, limit);
}

Status PostgresSearch::removing_author(Connection& db, std::string_view user_id) {
  LB_CHECK(
      db.execute("DELETE FROM message_search WHERE seq IN (SELECT seq FROM messages WHERE user_id = $1)", user_id));
  return Ok{};
}

}  // namespace librebird::storage
