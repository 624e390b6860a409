#pragma once

// The port inside storage for what the engines do differently with vectors: keeping them, and finding the nearest.
// Inside database work. Private.

#include <librebird/core/ports/embedding_store.hpp>
#include <librebird/storage/sql/database.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::storage {

class VectorSearch {
 public:
  struct Query {
    const Principal& principal;
    std::span<const float> vector;  // of length 1
    const NearestQuery& asked;
    UnixMillis now = 0;
  };
  struct Hit {
    std::string id;
    double similarity = 0;
  };

  virtual ~VectorSearch() = default;
  // SQL of the vector that is parameter $8 of an INSERT, and its value.
  [[nodiscard]] virtual std::string_view placeholder() const = 0;
  [[nodiscard]] virtual std::string parameter(std::span<const float> vector) const = 0;
  // Nearest first.
  virtual Result<std::vector<Hit>> nearest(Connection& db, const Query& query) = 0;
};

// Compares every vector of the person's: exact. SQLite, and PostgreSQL without pgvector.
class ScanVectors final : public VectorSearch {
 public:
  enum class Kept { bytes, array };
  explicit ScanVectors(Kept kept) : kept_(kept) {}
  [[nodiscard]] std::string_view placeholder() const override;
  [[nodiscard]] std::string parameter(std::span<const float> vector) const override;
  Result<std::vector<Hit>> nearest(Connection& db, const Query& query) override;

 private:
  Kept kept_;
};

// pgvector: exact for those who have few, through the HNSW index for those who have many.
class IndexedVectors final : public VectorSearch {
 public:
  // `iterative`: pgvector 0.8 and newer goes on searching the index until enough rows are the person's.
  explicit IndexedVectors(bool iterative) : iterative_(iterative) {}
  [[nodiscard]] std::string_view placeholder() const override;
  [[nodiscard]] std::string parameter(std::span<const float> vector) const override;
  Result<std::vector<Hit>> nearest(Connection& db, const Query& query) override;

 private:
  bool iterative_;
};

}  // namespace librebird::storage
