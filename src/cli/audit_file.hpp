#pragma once

// The exported form of an audit log, JSON Lines (docs/audit.md): a `chain` line, its `row` lines, a `head` line, and so
// on for each workspace. Private.

#include <librebird/base/result.hpp>
#include <librebird/core/ports/audit_store.hpp>

#include <string>
#include <string_view>
#include <variant>

namespace librebird::cli {

struct ChainBegin {
  std::string workspace_id;
  std::int64_t pruned_seq = 0;
  std::string pruned_hash;
};

using AuditLine = std::variant<ChainBegin, AuditRecord, AuditHead>;

[[nodiscard]] std::string to_line(const ChainBegin& begin);
[[nodiscard]] std::string to_line(const AuditRecord& record);
[[nodiscard]] std::string to_line(const AuditHead& head);
// invalid_argument: not such a line.
Result<AuditLine> parse_audit_line(std::string_view line);

}  // namespace librebird::cli
