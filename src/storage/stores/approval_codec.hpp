#pragma once

// Rows of approvals and grants as values. Private.

#include <librebird/core/model/approval.hpp>
#include <librebird/storage/sql/database.hpp>

#include <string>

#define LB_APPROVAL_COLUMNS                                                                                     \
  "id, workspace_id, user_id, role, credential_id, conversation_id, turn_id, call_id, skill, tool, arguments, " \
  "tool_use, reason, state, decision, decided_by, created_at, expires_at, decided_at"
#define LB_GRANT_COLUMNS "id, user_id, workspace_id, skill, tool, host, program, created_at"

namespace librebird::storage {

[[nodiscard]] std::string encode_use(const ToolUse& use);
Result<Approval> approval_row(const Row& row);  // data_loss: not what was written
Grant grant_row(const Row& row);

}  // namespace librebird::storage
