#include "audit_notes.hpp"

#include <librebird/base/log.hpp>

namespace librebird::hands {

Task<void> note_about(AuditStore& audit, AuditKind kind, const AuditEntry& call, std::string detail) {
  AuditEvent event;
  event.kind = kind;
  event.principal = call.principal;
  event.call_id = call.call_id;
  event.conversation_id = call.conversation_id;
  event.turn_id = call.turn_id;
  event.subject = call.tool;
  event.detail = std::move(detail);
  if (const Status noted = co_await audit.append(std::move(event)); !noted) {
    log::error("a row is missing in the audit log",
               {{"call_id", call.call_id}, {"kind", to_string(kind)}, {"cause", noted.error().message}});
  }
}

}  // namespace librebird::hands
