#pragma once

// Rows of the audit log beside a call's start and end. Loop only.

#include <librebird/core/ports/stores.hpp>

#include <string>

namespace librebird::hands {

// Notes an event about the call. A row that cannot be written is an error in the log: the call has happened already.
Task<void> note_about(AuditStore& audit, AuditKind kind, const AuditEntry& call, std::string detail);

}  // namespace librebird::hands
