#include <librebird/core/ports/embedding_store.hpp>

#include "factories.hpp"
#include "rows.hpp"
#include "vector_search.hpp"

#include <librebird/base/utf8.hpp>

#include <fmt/format.h>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <set>

namespace librebird::storage {
namespace {

constexpr std::size_t kNameLimit = 512;
constexpr int kExpiredAtOnce = 500;

// Scales to length 1. Parts so small that an engine may not keep them become nothing.
Status normalise(std::vector<float>& vector) {
  if (vector.size() != kEmbeddingDimensions) {
    return {Code::invalid_argument, fmt::format("The vector has {} numbers, and {} are kept: use a model with so many.",
                                                vector.size(), kEmbeddingDimensions)};
  }
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  if (!std::isfinite(squares)) return {Code::invalid_argument, "The vector holds something that is no number."};
  if (squares == 0) return {Code::invalid_argument, "The vector is all zero, so that it is near to nothing."};
  const double length = std::sqrt(squares);
  for (float& value : vector) {
    value = static_cast<float>(value / length);
    if (std::fabs(value) < FLT_MIN) value = 0;
  }
  return Ok{};
}

Status check_name(std::string_view what, std::string_view name) {
  if (name.empty()) return {Code::invalid_argument, fmt::format("An embedding needs a {}.", what)};
  if (name.size() > kNameLimit) {
    return {Code::too_large, fmt::format("The {} is longer than {} bytes.", what, kNameLimit)};
  }
  if (!is_utf8(name) || name.find('\0') != std::string_view::npos) {
    return {Code::invalid_argument, fmt::format("The {} is not valid UTF-8.", what)};
  }
  return Ok{};
}

Status check(NewEmbedding& embedding) {
  LB_CHECK(check_name("source_id", embedding.source_id));
  LB_CHECK(check_name("model", embedding.model));
  if (embedding.position < 0) return {Code::invalid_argument, "The position of an embedding is 0 or more."};
  if (embedding.content.size() > kEmbeddedTextLimit) {
    return {Code::too_large, fmt::format("The text is longer than {} bytes: cut it into pieces.", kEmbeddedTextLimit)};
  }
  if (embedding.metadata_json.size() > kEmbeddingMetadataLimit) {
    return {Code::too_large, fmt::format("The metadata is longer than {} bytes.", kEmbeddingMetadataLimit)};
  }
  boost::system::error_code failure;
  const boost::json::value metadata = boost::json::parse(embedding.metadata_json, failure);
  if (failure || !metadata.is_object()) return {Code::invalid_argument, "The metadata is not a JSON object."};
  embedding.content = clean_text(std::move(embedding.content));
  return normalise(embedding.vector);
}

NearEmbedding near_row(const Row& row) {
  return {row.string(0), row.string(1), row.string(2), row.integer(3), row.string(4), row.string(5), row.integer(6), 0};
}

class SqlEmbeddingStore final : public EmbeddingStore {
 public:
  SqlEmbeddingStore(Context context, std::unique_ptr<VectorSearch> vectors)
      : context_(context), vectors_(std::move(vectors)) {
    insert_ = fmt::format(
        "INSERT INTO memory_embeddings (id, workspace_id, user_id, source_type, source_id, position, content, "
        "embedding, model, metadata, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, {}, $9, $10, $11, "
        "$12) ON CONFLICT (source_type, source_id, user_id, workspace_id, position) DO UPDATE SET content = "
        "excluded.content, embedding = excluded.embedding, model = excluded.model, metadata = excluded.metadata, "
        "created_at = excluded.created_at, expires_at = excluded.expires_at RETURNING id",
        vectors_->placeholder());
    fetch_ =
        "SELECT id, source_type, source_id, position, content, metadata, created_at FROM memory_embeddings WHERE "
        "workspace_id = $1 AND user_id = $2 AND id IN (";
    for (int i = 0; i < kNearestLimit; ++i) fetch_ += fmt::format("{}${}", i == 0 ? "" : ", ", i + 3);
    fetch_ += ")";
  }

  Task<Result<std::vector<std::string>>> put(Principal principal, std::vector<NewEmbedding> embeddings) override {
    if (embeddings.size() > kEmbeddingsAtOnce) {
      co_return make_error(Code::too_large, fmt::format("At most {} embeddings are kept at once.", kEmbeddingsAtOnce));
    }
    for (NewEmbedding& embedding : embeddings) LB_CO_CHECK(check(embedding));
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<std::vector<std::string>> {
      LB_CHECK(remove_expired(db, principal, now));
      std::set<std::string_view> seen;
      std::vector<std::string> ids;
      for (const NewEmbedding& embedding : embeddings) {
        // What is deleted must not come back through the back door.
        if (embedding.source == EmbeddedSource::conversation && seen.insert(embedding.source_id).second) {
          LB_CHECK(get_conversation(db, principal, embedding.source_id));
        }
        LB_TRY(id, insert(db, principal, embedding, now));
        ids.push_back(std::move(id));
      }
      return ids;
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<std::int64_t>> erase(Principal principal, EmbeddedSource source, std::string source_id,
                                   std::optional<std::int64_t> position) override {
    auto work = [&](Connection& db) {
      return db.execute(
          "DELETE FROM memory_embeddings WHERE workspace_id = $1 AND user_id = $2 AND source_type = $3 AND source_id = "
          "$4 AND (CAST($5 AS BIGINT) IS NULL OR position = $5)",
          principal.workspace_id, principal.user_id, to_string(source), source_id, position);
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<std::vector<NearEmbedding>>> nearest(Principal principal, NearestQuery query) override {
    if (query.limit < 1 || query.limit > kNearestLimit) {
      co_return make_error(Code::invalid_argument, fmt::format("The limit is 1 to {}.", kNearestLimit));
    }
    if (!query.source_id.empty() && !query.source) {
      co_return make_error(Code::invalid_argument, "A source is found by its kind and its id.");
    }
    LB_CO_CHECK(check_name("model", query.model));
    LB_CO_CHECK(normalise(query.vector));
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<std::vector<NearEmbedding>> {
      LB_TRY(hits, vectors_->nearest(db, {principal, query.vector, query, now}));
      return fetch(db, principal, hits);
    };
    co_return co_await context_.database.read(as(principal), work);
  }

 private:
  Result<std::string> insert(Connection& db, const Principal& principal, const NewEmbedding& embedding,
                             UnixMillis now) const {
    auto text = [](const Row& row) { return row.string(0); };
    LB_TRY(id, db.one(insert_, text, context_.ids.next(), principal.workspace_id, principal.user_id,
                      to_string(embedding.source), embedding.source_id, embedding.position, embedding.content,
                      vectors_->parameter(embedding.vector), embedding.model, embedding.metadata_json, now,
                      embedding.expires_at));
    return std::move(id).value_or("");
  }

  static Status remove_expired(Connection& db, const Principal& principal, UnixMillis now) {
    return db.post(
        "DELETE FROM memory_embeddings WHERE id IN (SELECT id FROM memory_embeddings WHERE workspace_id = $1 AND "
        "user_id = $2 AND expires_at <= $3 LIMIT $4)",
        principal.workspace_id, principal.user_id, now, kExpiredAtOnce);
  }

  Result<std::vector<NearEmbedding>> fetch(Connection& db, const Principal& principal,
                                           const std::vector<VectorSearch::Hit>& hits) const {
    std::vector<NearEmbedding> found;
    if (hits.empty()) return found;
    std::vector<Param> params{to_param(principal.workspace_id), to_param(principal.user_id)};
    for (std::size_t i = 0; i < kNearestLimit; ++i) params.push_back(to_param(hits[std::min(i, hits.size() - 1)].id));
    LB_CHECK(db.each_with(fetch_, [&](const Row& row) { found.push_back(near_row(row)); }, params));
    const auto place = [&](const NearEmbedding& one) {
      return std::ranges::find(hits, one.id, &VectorSearch::Hit::id) - hits.begin();
    };
    std::ranges::sort(found, {}, place);
    for (NearEmbedding& one : found) one.similarity = hits[static_cast<std::size_t>(place(one))].similarity;
    return found;
  }

  Context context_;
  std::unique_ptr<VectorSearch> vectors_;
  std::string insert_;
  std::string fetch_;
};

}  // namespace

Status forget_conversation(Connection& db, std::string_view conversation_id) {
  const AsPlatform platform(db);  // whoever embedded it
  return db.post("DELETE FROM memory_embeddings WHERE source_type = 'conversation' AND source_id = $1",
                 conversation_id);
}

std::unique_ptr<EmbeddingStore> make_embedding_store(Context context, std::unique_ptr<VectorSearch> vectors) {
  return std::make_unique<SqlEmbeddingStore>(context, std::move(vectors));
}

}  // namespace librebird::storage
