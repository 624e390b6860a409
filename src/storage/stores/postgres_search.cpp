#include "postgres_search.hpp"

#include "rows.hpp"

#include <librebird/base/log.hpp>
#include <librebird/base/utf8.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <span>
#include <string>
#include <utility>

namespace librebird::storage {
namespace {

// A lexeme keeps 256 places at most and a place is 16,383 at most (textsearch limitations), so a part is short; parts
// overlap by the longest phrase, so that none is cut in two.
constexpr std::size_t kPartTokens = 2000;
constexpr std::size_t kOverlap = 15;
constexpr std::size_t kIndexBytes = 256 * 1024;

constexpr std::size_t kBatch = 64;
constexpr std::int64_t kStretch = 20'000;
constexpr std::size_t kNotedLimit = 100'000;  // beyond it, a sweep finds them
constexpr std::chrono::hours kSweepEvery{1};
constexpr std::chrono::seconds kLongestWrite{600};

struct Unindexed {
  std::int64_t seq = 0;
  Principal author;
  std::string content;
  std::string conversation_id;
};

Unindexed unindexed_row(const Row& row) {
  return {row.integer(0), {row.string(1), row.string(2), Role::guest, ""}, row.string(3), row.string(4)};
}

// Whoever deletes one of them meanwhile waits.
#define LB_WITHOUT_WORDS                                                                         \
  "SELECT m.seq, m.user_id, m.workspace_id, m.content, m.conversation_id FROM messages m WHERE " \
  "NOT EXISTS (SELECT 1 FROM message_search s WHERE s.seq = m.seq) AND "

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

// All in one statement, as arrays (https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO). Somebody else may be at
// the same messages.
Status insert_words(Connection& db, const std::vector<Unindexed>& messages) {
  if (messages.empty()) return Ok{};
  std::string seqs;
  std::string parts;
  std::string words;
  for (const Unindexed& message : messages) {
    const std::string_view content = utf8_prefix(message.content, kIndexBytes);
    const std::vector<Token> tokens = tokens_of(content, content.size());
    const std::string owners = author_lexeme(message.author) + " " + conversation_lexeme(message.conversation_id);
    int part = 0;
    for (std::size_t begin = 0; begin == 0 || begin + kOverlap < tokens.size(); begin += kPartTokens - kOverlap) {
      const std::size_t count = std::min(kPartTokens, tokens.size() - begin);
      const char* between = seqs.empty() ? "{" : ",";
      fmt::format_to(std::back_inserter(seqs), "{}{}", between, message.seq);
      fmt::format_to(std::back_inserter(parts), "{}{}", between, part++);
      fmt::format_to(std::back_inserter(words), "{}\"{}\"", between,
                     vector_of(owners, std::span(tokens).subspan(begin, count)));
    }
  }
  return db.post(
      "INSERT INTO message_search (seq, part, words) SELECT * FROM "
      "unnest($1::BIGINT[], $2::INTEGER[], $3::TSVECTOR[]) ON CONFLICT DO NOTHING",
      seqs + "}", parts + "}", words + "}");
}

Status index_these(Connection& db, const std::vector<std::string>& ids) {
  LB_TRY(messages, db.all(LB_WITHOUT_WORDS "m.id = ANY($1::TEXT[]) ORDER BY m.seq FOR KEY SHARE OF m", unindexed_row,
                          fmt::format("{{{}}}", fmt::join(ids, ","))));
  return insert_words(db, messages);
}

}  // namespace

PostgresSearch::PostgresSearch(Database& database, std::function<void()> request)
    : database_(database), request_(std::move(request)) {
  request_();
}

Result<std::int64_t> PostgresSearch::index_behind(Connection& db, std::int64_t after) {
  auto number = [](const Row& row) { return row.integer(0); };
  LB_TRY(newest, db.one("SELECT COALESCE(MAX(seq), 0) FROM messages", number));
  if (after >= newest.value_or(0)) return 0;
  // A stretch at a time, so that no statement takes long where everything is indexed.
  const std::int64_t end = after + kStretch;
  LB_TRY(batch, db.all(LB_WITHOUT_WORDS "m.seq > $1 AND m.seq <= $2 ORDER BY m.seq LIMIT $3 FOR KEY SHARE OF m",
                       unindexed_row, after, end, std::int64_t{kBatch}));
  LB_CHECK(insert_words(db, batch));
  return batch.size() < kBatch ? end : batch.back().seq;
}

Result<bool> PostgresSearch::index_some(Connection& db) {
  const Batch batch = next_batch();
  taken_ = batch.last;
  swept_.reset();
  if (!batch.ids.empty()) {
    LB_CHECK(index_these(db, batch.ids));
    return batch.more;
  }
  if (!batch.more) return false;
  LB_TRY(further, sweep_further(db, sweep_));
  swept_ = further;
  return further.begun;
}

void PostgresSearch::indexed() {
  if (taken_ > 0) forget_until(taken_);
  if (!swept_) return;
  sweep_ = *swept_;
  if (!sweep_.begun) note_swept();
}

void PostgresSearch::note_swept() {
  const std::lock_guard lock(mutex_);
  sweeping_ = false;
  ever_swept_ = true;
  swept_at_ = std::chrono::steady_clock::now();
}

void PostgresSearch::note_new_messages(std::span<const std::string> ids) {
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& id : ids) noted_.push_back({++count_, id});
    if (noted_.size() > kNotedLimit) noted_.clear(), swept_at_ = {};
    sweeping_ = sweeping_ || std::chrono::steady_clock::now() - swept_at_ > kSweepEvery;
  }
  request_();
}

Task<void> PostgresSearch::catch_up() {
  const auto [until, swept] = [this] {
    const std::lock_guard lock(mutex_);
    return std::pair(count_, ever_swept_);
  }();
  Status done = Ok{};
  // What the process before this one has left out, too.
  for (Sweep sweep; !swept && done;) {
    auto further = [&](Connection& db) { return sweep_further(db, sweep); };
    auto next = co_await database_.write(kServiceParallel, further);
    if (!next) done = next.error();
    if (!next || !next->begun) break;
    sweep = *next;
  }
  if (!swept && done) note_swept();
  for (Batch batch = next_batch(); done && batch.first > 0 && batch.first <= until; batch = next_batch()) {
    auto index = [&](Connection& db) { return index_these(db, batch.ids); };
    done = co_await database_.write(kServiceParallel, index);
    if (done) forget_until(batch.last);
  }
  if (!done) log::warn("the search index could not be brought up to date", {{"error", done.error().message}});
}

PostgresSearch::Batch PostgresSearch::next_batch() {
  const std::lock_guard lock(mutex_);
  Batch batch;
  const std::size_t size = std::min(noted_.size(), kBatch);
  for (std::size_t i = 0; i < size; ++i) batch.ids.push_back(noted_[i].id);
  if (size > 0) batch.first = noted_.front().number;
  if (size > 0) batch.last = noted_[size - 1].number;
  batch.more = sweeping_ || noted_.size() > size;
  return batch;
}

void PostgresSearch::forget_until(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  while (!noted_.empty() && noted_.front().number <= number) noted_.pop_front();
}

Result<PostgresSearch::Sweep> PostgresSearch::sweep_further(Connection& db, Sweep sweep) {
  if (!sweep.begun) {
    auto begin = [&](const Row& row) { sweep = {true, row.integer(0), row.integer(1), row.integer(2)}; };
    LB_CHECK(
        db.each("SELECT settled, (SELECT COALESCE(MAX(seq), 0) FROM messages), "
                "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT) FROM search_state WHERE id = 1",
                begin));
  }
  LB_TRY(next, index_behind(db, sweep.after));
  sweep.after = next;
  if (next > 0 && next < sweep.newest) return sweep;
  LB_CHECK(settle(db, sweep));
  return Sweep{};
}

// What an earlier sweep saw as the newest message is settled when this one began long enough after it.
Status PostgresSearch::settle(Connection& db, const Sweep& sweep) {
  return db.post(
      "UPDATE search_state SET settled = GREATEST(settled, seen), seen = GREATEST(seen, $1), seen_at = $2 "
      "WHERE id = 1 AND seen_at <= $3",
      sweep.newest, sweep.began_at, sweep.began_at - kLongestWrite.count());
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
