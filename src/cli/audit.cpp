#include <librebird/cli/commands.hpp>

#include <librebird/base/json_writer.hpp>

#include <fmt/format.h>

namespace librebird::cli {
namespace {

std::string_view name_of(AuditOutcome outcome) {
  switch (outcome) {
    case AuditOutcome::started: return "started";
    case AuditOutcome::ok: return "ok";
    case AuditOutcome::error: return "error";
    case AuditOutcome::denied: return "denied";
    case AuditOutcome::interrupted: return "interrupted";
  }
  return "";
}

std::string json_line(const AuditEntry& entry) {
  JsonWriter json;
  json.begin_object()
      .field("id", entry.id)
      .field("call_id", entry.call_id)
      .field("user_id", entry.principal.user_id)
      .field("workspace_id", entry.principal.workspace_id)
      .field("conversation_id", entry.conversation_id)
      .field("turn_id", entry.turn_id)
      .field("tool", entry.tool)
      .field("arguments_sha256", entry.arguments_sha256)
      .field("outcome", name_of(entry.outcome))
      .field("detail", entry.detail)
      .field("duration_ms", entry.duration.count())
      .field("created_at", to_rfc3339(entry.created_at))
      .end_object();
  return std::move(json).take();
}

}  // namespace

Task<int> list_audit(Operator op, int limit, bool json) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  const auto entries = co_await op.audit.list(*owner, limit);
  if (!entries) co_return fail(entries.error());
  for (const AuditEntry& entry : *entries) {
    if (json) {
      fmt::print("{}\n", json_line(entry));
    } else {
      fmt::print("{}  {:<11}  {:>6} ms  {}{}{}\n", to_rfc3339(entry.created_at), name_of(entry.outcome),
                 entry.duration.count(), entry.tool, entry.detail.empty() ? "" : ": ", entry.detail);
    }
  }
  co_return 0;
}

}  // namespace librebird::cli
