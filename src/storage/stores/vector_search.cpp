#include "vector_search.hpp"

#include <librebird/storage/sql/vector.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <queue>

// Whose, of which model, alive, of which source: $1 to $6.
#define LB_FOUND_AMONG                                                                         \
  "FROM memory_embeddings WHERE workspace_id = $1 AND user_id = $2 AND model = $3 AND "        \
  "(expires_at IS NULL OR expires_at > $4) AND ($5 = '' OR source_type = $5) AND ($6 = '' OR " \
  "source_id = $6)"

namespace librebird::storage {
namespace {

using Vector = std::array<float, kEmbeddingDimensions>;
using Hit = VectorSearch::Hit;

// So many of one person's are compared one by one: quicker than the index, and exact.
constexpr std::int64_t kFew = 10'000;
constexpr std::string_view kExact =
    "SELECT id, embedding <=> $7::VECTOR " LB_FOUND_AMONG " ORDER BY (embedding <=> $7::VECTOR) + 0, id LIMIT $8";
constexpr std::string_view kIndexed =
    "SELECT id, embedding <=> $7::VECTOR " LB_FOUND_AMONG " ORDER BY embedding <=> $7::VECTOR LIMIT $8";
// Only the index gives an order without sorting. relaxed_order loses none; the order is made here.
constexpr std::string_view kUseIndex =
    "SELECT set_config('enable_sort', 'off', true), set_config('hnsw.ef_search', '200', true)";
constexpr std::string_view kGoOn =
    "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.max_scan_tuples', '100000', "
    "true)";

// Independent sums, so that the compiler may use the processor's wide registers.
float product(const Vector& a, const Vector& b) {
  constexpr std::size_t kLanes = 16;
  static_assert(kEmbeddingDimensions % kLanes == 0);
  std::array<float, kLanes> sums{};
  for (std::size_t i = 0; i < a.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  float sum = 0;
  for (const float lane : sums) sum += lane;
  return sum;
}

bool nearer(const Hit& a, const Hit& b) {
  return a.similarity != b.similarity ? a.similarity > b.similarity : a.id < b.id;
}

template <class F>
Status each_found(Connection& db, std::string_view sql, const VectorSearch::Query& query, F&& visit,
                  std::span<const Param> more = {}) {
  const std::string_view source = query.asked.source ? to_string(*query.asked.source) : "";
  std::vector<Param> params{to_param(query.principal.workspace_id),
                            to_param(query.principal.user_id),
                            to_param(query.asked.model),
                            query.now,
                            source,
                            to_param(query.asked.source_id)};
  params.insert(params.end(), more.begin(), more.end());
  return db.each_with(sql, visit, params);
}

}  // namespace

std::string_view ScanVectors::placeholder() const { return kept_ == Kept::bytes ? "CAST($8 AS BLOB)" : "$8::REAL[]"; }

std::string ScanVectors::parameter(std::span<const float> vector) const {
  return kept_ == Kept::bytes ? vector_bytes(vector) : array_text(vector);
}

Result<std::vector<Hit>> ScanVectors::nearest(Connection& db, const Query& query) {
  Vector wanted;
  std::ranges::copy(query.vector, wanted.begin());
  std::priority_queue<Hit, std::vector<Hit>, decltype(&nearer)> best(nearer);  // the farthest on top
  const auto limit = static_cast<std::size_t>(query.asked.limit);
  auto compare = [&](const Row& row) -> Status {
    Vector vector;
    const bool read =
        kept_ == Kept::bytes ? vector_from_bytes(row.text(1), vector) : vector_from_array(row.text(1), vector);
    if (!read) return {Code::data_loss, "A vector in the database is damaged: erase and embed its source again."};
    const double similarity = product(wanted, vector);
    if (best.size() == limit && similarity < best.top().similarity) return Ok{};
    best.push({row.string(0), similarity});
    if (best.size() > limit) best.pop();
    return Ok{};
  };
  LB_CHECK(each_found(
      db,
      kept_ == Kept::bytes ? "SELECT id, embedding " LB_FOUND_AMONG : "SELECT id, embedding::REAL[] " LB_FOUND_AMONG,
      query, compare));
  std::vector<Hit> hits;
  for (; !best.empty(); best.pop()) hits.push_back(best.top());
  std::ranges::reverse(hits);
  return hits;
}

std::string_view IndexedVectors::placeholder() const { return "$8::REAL[]"; }

std::string IndexedVectors::parameter(std::span<const float> vector) const { return array_text(vector); }

Result<std::vector<Hit>> IndexedVectors::nearest(Connection& db, const Query& query) {
  std::string text = array_text(query.vector);
  text.front() = '[';
  text.back() = ']';
  const std::array<Param, 2> more{std::string_view(text), query.asked.limit};
  std::vector<Hit> hits;
  auto take = [&](const Row& row) {
    double distance = 0;
    const std::string_view digits = row.text(1);
    std::from_chars(digits.data(), digits.data() + digits.size(), distance);
    hits.push_back({row.string(0), 1 - distance});
  };
  std::int64_t rows = 0;
  if (query.asked.source_id.empty()) {  // one source is few
    auto number = [](const Row& row) { return row.integer(0); };
    LB_TRY(counted,
           db.one("SELECT COUNT(*) FROM (SELECT 1 FROM memory_embeddings WHERE workspace_id = $1 AND user_id = "
                  "$2 LIMIT $3) AS few",
                  number, query.principal.workspace_id, query.principal.user_id, kFew + 1));
    rows = counted.value_or(0);
  }
  if (rows > kFew) {
    LB_CHECK(db.post(kUseIndex));
    if (iterative_) LB_CHECK(db.post(kGoOn));
    LB_CHECK(each_found(db, kIndexed, query, take, more));
    std::ranges::sort(hits, nearer);
    if (hits.size() == static_cast<std::size_t>(query.asked.limit)) return hits;
    // What was asked for is rare among what the index looked at.
    hits.clear();
  }
  LB_CHECK(each_found(db, kExact, query, take, more));
  return hits;
}

}  // namespace librebird::storage
