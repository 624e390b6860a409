#pragma once

// The audit log's hash chain. A row's hash is the SHA-256 of
//   "librebird-audit-v1" seq workspace_id prev_hash id kind call_id run user_id role credential_id conversation_id
//   turn_id subject arguments_sha256 outcome detail duration_ms created_at
// in this order, each as a netstring ("<bytes>:<text>,", https://cr.yp.to/proto/netstrings.txt), numbers in decimal.
// Pure; any thread.

#include <librebird/core/ports/audit_store.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

// What stands before a chain's first row.
inline constexpr std::string_view kNoHash = "0000000000000000000000000000000000000000000000000000000000000000";

// Of all fields but `hash`.
[[nodiscard]] std::string chain_hash(const AuditRecord& record);
// What a head's seal covers: all fields but `key_id` and `seal`.
[[nodiscard]] std::string sealed_text(const AuditHead& head);
// Appends one field in the form that is hashed.
void append_netstring(std::string& out, std::string_view text);

struct ChainProblem {
  std::int64_t seq = 0;  // of the row it is about, or of the first one that is missing
  std::string what;      // a sentence that names the row
};

// Reads a chain in order and collects what is wrong with it. Bounded: after kMaxProblems it only counts.
class ChainVerifier {
 public:
  static constexpr std::size_t kMaxProblems = 100;

  // The chain begins behind `pruned_seq`; 0 and kNoHash: at its beginning.
  explicit ChainVerifier(std::int64_t pruned_seq = 0, std::string pruned_hash = std::string(kNoHash));

  void feed(const AuditRecord& record);
  // There must have been rows up to `seq`, and that one's hash must be `hash`.
  void finish(std::int64_t seq, std::string_view hash);
  // A row that somebody noted earlier must still be what it was. Call it before the first row.
  void expect(std::int64_t seq, std::string hash);

  [[nodiscard]] bool ok() const { return count_ == 0; }
  [[nodiscard]] const std::vector<ChainProblem>& problems() const { return problems_; }
  [[nodiscard]] std::size_t problem_count() const { return count_; }
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t last_seq() const { return seq_; }
  [[nodiscard]] const std::string& last_hash() const { return hash_; }

 private:
  void complain(std::int64_t seq, std::string what);
  std::string altered(const AuditRecord& record) const;

  std::int64_t seq_;
  std::string hash_;
  bool broken_ = false;  // the row before was not what it should be: what follows cannot be blamed for it
  std::int64_t rows_ = 0;
  std::size_t count_ = 0;
  std::vector<ChainProblem> problems_;
  std::int64_t expected_seq_ = 0;
  std::string expected_hash_;
};

}  // namespace librebird
