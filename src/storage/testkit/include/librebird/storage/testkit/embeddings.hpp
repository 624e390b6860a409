#pragma once

// For tests of the EmbeddingStore: vectors whose distances are known, and what goes with them.

#include <librebird/core/ports/embedding_store.hpp>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace librebird::testkit {

// Between the first two axes: the cosine of two of them is the cosine of the difference of their angles.
inline std::vector<float> at_angle(double degrees, float length = 1) {
  std::vector<float> vector(kEmbeddingDimensions);
  vector[0] = length * static_cast<float>(std::cos(degrees / 180 * M_PI));
  vector[1] = length * static_cast<float>(std::sin(degrees / 180 * M_PI));
  return vector;
}

inline NewEmbedding embedding(const std::string& content, std::vector<float> vector,
                              EmbeddedSource source = EmbeddedSource::document, std::string source_id = "manual.pdf",
                              std::int64_t position = 0) {
  NewEmbedding out;
  out.source = source;
  out.source_id = std::move(source_id);
  out.position = position;
  out.content = content;
  out.vector = std::move(vector);
  out.model = "mini";
  return out;
}

inline NearestQuery near(std::vector<float> vector, int limit = 10) {
  NearestQuery query;
  query.vector = std::move(vector);
  query.limit = limit;
  query.model = "mini";
  return query;
}

inline std::string contents_of(const std::vector<NearEmbedding>& found) {
  std::string out;
  for (const NearEmbedding& one : found) out += (out.empty() ? "" : " ") + one.content;
  return out;
}

}  // namespace librebird::testkit
