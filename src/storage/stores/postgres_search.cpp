#include "postgres_search.hpp"

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

// Tokens hold letters and digits only, so nothing in them is syntax; the sign keeps an owner apart from them.
std::string owner_lexeme(const Principal& owner) { return "=" + owner_token(owner.workspace_id, owner.user_id); }

std::string phrase(const SearchWord& word) {
  std::string out;
  for (const std::string& token : word.tokens) {
    if (!out.empty()) out += " <-> ";
    out += "'" + token + "'";
  }
  if (word.prefix) out += ":*";
  return out;
}

std::string vector_of(const std::string& owner, std::span<const Token> tokens) {
  std::string out = "'" + owner + "'";
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    fmt::format_to(std::back_inserter(out), " '{}':{}", tokens[i].text, i + 1);
  }
  return out;
}

}  // namespace

Status PostgresSearch::added(Connection& db, std::string_view message_id, const Principal& owner,
                             std::string_view content) {
  const AsPlatform platform(db);
  const std::string_view text = utf8_prefix(content, kIndexBytes);
  const std::vector<Token> tokens = tokens_of(text, text.size());
  const std::string lexeme = owner_lexeme(owner);
  int part = 0;
  for (std::size_t begin = 0; begin < tokens.size(); begin += kPartTokens - kOverlap) {
    const std::size_t count = std::min(kPartTokens, tokens.size() - begin);
    LB_CHECK(db.post("INSERT INTO message_search (seq, part, words) SELECT seq, $2, $3 FROM messages WHERE id = $1",
                     message_id, part++, vector_of(lexeme, std::span(tokens).subspan(begin, count))));
    if (begin + count == tokens.size()) break;
  }
  return Ok{};
}

Result<std::int64_t> PostgresSearch::index_some(Connection& db, std::int64_t after) {
  struct Message {
    std::int64_t seq;
    std::string id;
    Principal owner;
    std::string content;
  };
  auto message = [](const Row& row) {
    return Message{row.integer(0), row.string(1), {row.string(2), row.string(3), Role::guest, ""}, row.string(4)};
  };
  LB_TRY(batch, db.all("SELECT m.seq, m.id, m.user_id, m.workspace_id, m.content FROM messages m WHERE m.seq > $1 AND "
                       "NOT EXISTS (SELECT 1 FROM message_search s WHERE s.seq = m.seq) ORDER BY m.seq LIMIT 128",
                       message, after));
  PostgresSearch search;
  for (const Message& each : batch) LB_CHECK(search.added(db, each.id, each.owner, each.content));
  return batch.empty() ? 0 : batch.back().seq;
}

Result<std::vector<TextSearch::Found>> PostgresSearch::with_word(Connection& db, const Principal& principal,
                                                                 const SearchWord& word, int limit) {
  const AsPlatform platform(db);
  auto found = [](const Row& row) { return Found{row.integer(0), row.string(1)}; };
  return db.all(
      "SELECT DISTINCT m.seq, m.conversation_id FROM message_search s JOIN messages m ON m.seq = s.seq WHERE s.words "
      "@@ "
      "$1 AND m.user_id = $2 AND m.workspace_id = $3 AND m.superseded_by IS NULL ORDER BY m.seq DESC LIMIT $4",
      found, fmt::format("'{}' & ({})", owner_lexeme(principal), phrase(word)), principal.user_id,
      principal.workspace_id, limit);
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
  return db.all(kSql, hit, "'" + owner_lexeme(principal) + "'", any, limit);
}

}  // namespace librebird::storage
