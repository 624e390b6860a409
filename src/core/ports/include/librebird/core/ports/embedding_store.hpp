#pragma once

// Port: texts that are found again by meaning, each with the vector a model made of it. Small on purpose: who makes
// vectors, and of what, is not its business.
//
//   co_await embeddings.put(principal, {{.source = EmbeddedSource::knowledge, .source_id = "manual.pdf", ...}});
//   auto near = co_await embeddings.nearest(principal, {.vector = question, .limit = 5});
//
// Thread rule: on the loop. The rules of stores.hpp hold: a principal sees, replaces and erases its own rows only.
// Vectors are scaled to length 1 when they are stored: similarity is the cosine, 1 at most.

#include <librebird/base/async/task.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/principal.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

inline constexpr std::size_t kEmbeddingDimensions = 384;  // all-MiniLM-L6-v2
inline constexpr std::size_t kEmbeddingsAtOnce = 256;
inline constexpr std::size_t kEmbeddedTextLimit = 64 * 1024;  // bytes
inline constexpr std::size_t kEmbeddingMetadataLimit = 16 * 1024;
inline constexpr int kNearestLimit = 100;

// What a text is a piece of. A conversation's pieces go when it is deleted.
enum class EmbeddedSource { conversation, document, context, knowledge };
[[nodiscard]] constexpr std::string_view to_string(EmbeddedSource source) {
  constexpr std::array<std::string_view, 4> kNames{"conversation", "document", "context", "knowledge"};
  return kNames[static_cast<std::size_t>(source)];
}

struct NewEmbedding {
  EmbeddedSource source = EmbeddedSource::document;
  std::string source_id;
  std::int64_t position = 0;  // which piece of it
  std::string content;
  std::vector<float> vector;
  std::string model;  // who made the vector: those of different models cannot be compared
  std::string metadata_json = "{}";
  std::optional<UnixMillis> expires_at;
};

struct NearestQuery {
  std::vector<float> vector;
  int limit = 5;                             // 1 to kNearestLimit
  std::string model;                         // of the vector, and of what is found
  std::optional<EmbeddedSource> source;      // only of this kind,
  std::string source_id;                     // and of this one; empty: of any
};

struct NearEmbedding {
  std::string id;
  std::string source;
  std::string source_id;
  std::int64_t position = 0;
  std::string content;
  std::string metadata_json;
  UnixMillis created_at = 0;
  double similarity = 0;
};

class EmbeddingStore {
 public:
  virtual ~EmbeddingStore() = default;

  // All or none. A piece that is there already is replaced, and keeps its id. Answers the ids, in order.
  // invalid_argument: a vector of another size, of length 0 or with something that is no number; metadata that is no
  // JSON object; a source without an id. too_large: text, metadata, more than kEmbeddingsAtOnce. not_found: a
  // conversation that the principal cannot read.
  virtual Task<Result<std::vector<std::string>>> put(Principal principal, std::vector<NewEmbedding> embeddings) = 0;
  // The pieces of a source, or one of them; how many there were.
  virtual Task<Result<std::int64_t>> erase(Principal principal, EmbeddedSource source, std::string source_id,
                                           std::optional<std::int64_t> position) = 0;
  // Nearest first; nothing that has expired (the next put() removes it).
  virtual Task<Result<std::vector<NearEmbedding>>> nearest(Principal principal, NearestQuery query) = 0;
};

}  // namespace librebird
