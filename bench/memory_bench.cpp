// How quickly texts are found by meaning, and how many of the ten nearest: vectors of one person's in clouds, as real
// ones are, and others' beside them.
//   memory_bench [entries] [folder]     prints one JSON object; with DATABASE_URL on that (empty) database
#include <librebird/base/async/scope.hpp>
#include <librebird/storage/storage.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <span>
#include <unordered_set>
#include <vector>

namespace {

using namespace librebird;
using std::chrono::steady_clock;

constexpr std::size_t kClouds = 1000;
constexpr int kQueries = 300;
constexpr int kNearest = 10;

class Vectors {
 public:
  Vectors() {
    for (std::size_t i = 0; i < kClouds; ++i) {
      std::vector<float>& centre = centres_.emplace_back();
      for (std::size_t k = 0; k < kEmbeddingDimensions; ++k) centre.push_back(normal_(engine_));
    }
  }
  // Of length 1.
  std::vector<float> next() {
    std::vector<float> vector = centres_[engine_() % kClouds];
    double squares = 0;
    for (float& value : vector) {
      value += normal_(engine_) * 0.8F;
      squares += static_cast<double>(value) * value;
    }
    for (float& value : vector) value /= static_cast<float>(std::sqrt(squares));
    return vector;
  }

 private:
  std::mt19937 engine_{7};
  std::normal_distribution<float> normal_;
  std::vector<std::vector<float>> centres_;
};

struct Figures {
  double filled_seconds = 0;
  std::vector<double> millis;
  int found = 0;
  std::string failure;
};

double product(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

Task<Status> fill(EmbeddingStore& store, Principal principal, const std::vector<std::vector<float>>& vectors) {
  for (std::size_t at = 0; at < vectors.size();) {
    std::vector<NewEmbedding> some;
    for (; some.size() < kEmbeddingsAtOnce && at < vectors.size(); ++at) {
      NewEmbedding& one = some.emplace_back();
      one.source_id = fmt::format("document {}", at / 100);
      one.position = static_cast<std::int64_t>(at % 100);
      one.content = fmt::format("{:400}", at);
      one.model = "bench";
      one.vector = vectors[at];
    }
    LB_CO_CHECK(co_await store.put(principal, std::move(some)));
  }
  co_return Ok{};
}

Task<void> measure(Loop& loop, Storage& storage, std::size_t entries, Figures& out) {
  const auto principal = co_await storage.identities().ensure_owner();
  Vectors source;
  std::vector<std::vector<float>> mine;
  for (std::size_t i = 0; i < entries; ++i) mine.push_back(source.next());
  const auto began = steady_clock::now();
  const Status filled = co_await fill(storage.embeddings(), *principal, mine);
  if (!filled) out.failure = filled.error().message;
  out.filled_seconds = std::chrono::duration<double>(steady_clock::now() - began).count();
  for (int i = 0; i < kQueries && out.failure.empty(); ++i) {
    NearestQuery query;
    query.vector = source.next();
    query.limit = kNearest;
    query.model = "bench";
    const std::vector<float> vector = query.vector;
    const auto start = steady_clock::now();
    const auto found = co_await storage.embeddings().nearest(*principal, std::move(query));
    out.millis.push_back(std::chrono::duration<double, std::milli>(steady_clock::now() - start).count());
    if (!found) {
      out.failure = found.error().message;
      break;
    }
    std::vector<double> similarities;
    for (const std::vector<float>& one : mine) similarities.push_back(product(vector, one));
    std::ranges::nth_element(similarities, similarities.begin() + kNearest - 1, std::greater<>{});
    const double tenth = similarities[kNearest - 1];
    for (const NearEmbedding& one : *found) out.found += one.similarity >= tenth - 1e-6 ? 1 : 0;
  }
  loop.stop();
}

double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t entries = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000;
  const std::string folder = (argc > 2 ? argv[2] : std::filesystem::temp_directory_path().string()) + "/memory-bench";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  Loop loop;
  SystemClock clock;
  SystemRandom random;
  IdGenerator ids(clock, random);
  StorageOptions options{.path = folder + "/librebird.db"};
  if (const char* url = std::getenv("DATABASE_URL"); url != nullptr) options.url = url;
  auto storage = Storage::open(loop, clock, ids, std::move(options));
  if (!storage) {
    fmt::print(stderr, "{}\n", storage.error().message);
    return 1;
  }
  Figures figures;
  Scope scope(loop.executor());
  scope.spawn(measure(loop, **storage, entries, figures), "bench");
  loop.run();
  if (!figures.failure.empty()) {
    fmt::print(stderr, "{}\n", figures.failure);
    return 1;
  }
  const double p50 = percentile(figures.millis, 0.5);
  const double p95 = percentile(figures.millis, 0.95);
  fmt::print(
      "{{\"entries\": {}, \"put_per_second\": {:.0f}, \"p50_ms\": {:.2f}, \"p95_ms\": {:.2f}, \"recall_at_10\": "
      "{:.3f}}}\n",
      entries, static_cast<double>(entries) / figures.filled_seconds, p50, p95,
      static_cast<double>(figures.found) / (kQueries * kNearest));
  std::filesystem::remove_all(folder);
  return 0;
}
