#pragma once

// Column lists and how their rows become values; shared by the stores. Private.

#include <librebird/core/ports/stores.hpp>
#include <librebird/storage/sql/database.hpp>

#include "codec.hpp"

#include <algorithm>

// Column lists are literals so that statements stay constants.
#define LB_MESSAGE_COLUMNS                                                                                   \
  "m.id, m.conversation_id, m.turn_id, m.role, m.content, m.parts, m.status, m.error_code, m.error_detail, " \
  "m.model_provider, m.model_name, m.model_demo, m.client_message_id, m.created_at, m.position, m.user_id"
#define LB_TURN_COLUMNS                                                                                           \
  "id, conversation_id, message_id, user_id, workspace_id, role, status, attempt, cancel_requested, error_code, " \
  "error_detail, created_at, started_at, finished_at, position, next_step"
// Of `conversations c`, with the turn at the head of its lane, and whether single people share it.
#define LB_CONVERSATION_COLUMNS                                                             \
  "c.id, c.user_id, c.workspace_id, c.title, c.archived, c.created_at, c.updated_at, "      \
  "(SELECT t.id FROM turns t WHERE t.conversation_id = c.id AND t.finished_at IS NULL "     \
  "ORDER BY t.position LIMIT 1), "                                                          \
  "(SELECT t.status FROM turns t WHERE t.conversation_id = c.id AND t.finished_at IS NULL " \
  "ORDER BY t.position LIMIT 1), c.workspace_access, "                                      \
  "EXISTS (SELECT 1 FROM conversation_shares o WHERE o.conversation_id = c.id)"

// Who may see a row of `conversations c`, and who may also write into it: its owner, and with whom it is shared, while
// they are members. The one place that says so; the arguments are the parameters of workspace and user.
#define LB_MAY_READ(workspace, user)                                                                               \
  LB_ACCESS(workspace, user,                                                                                       \
            " OR c.workspace_access <> 'none'"                                                                     \
            " OR EXISTS (SELECT 1 FROM conversation_shares s WHERE s.conversation_id = c.id AND s.user_id = " user \
            ")")
#define LB_MAY_WRITE(workspace, user)                                                                              \
  LB_ACCESS(workspace, user,                                                                                       \
            " OR c.workspace_access = 'write'"                                                                     \
            " OR EXISTS (SELECT 1 FROM conversation_shares s WHERE s.conversation_id = c.id AND s.user_id = " user \
            " AND s.access = 'write')")
#define LB_ACCESS(workspace, user, shared)                       \
  "c.workspace_id = " workspace " AND (c.user_id = " user shared \
  ") AND EXISTS (SELECT 1 FROM workspace_members a WHERE a.workspace_id = " workspace " AND a.user_id = " user ")"

namespace librebird::storage {

struct Context;

struct TurnRow {
  Turn turn;
  std::int64_t position = 0;
  int next_step = 0;
};

Result<Message> message_row(const Row& row);
Result<TurnRow> turn_row(const Row& row);
// `single_shares`: whether people have to be read by with_people().
struct ConversationRow {
  Conversation conversation;
  bool single_shares = false;
};
ConversationRow conversation_row(const Row& row);
Result<Conversation> with_people(Connection& db, ConversationRow row);
std::optional<TurnError> error_row(const Row& row, int code_column);

// The value, or not_found: "There is no <what> with this id."
[[nodiscard]] Error not_found(std::string_view what);
template <class T>
Result<T> found(Result<std::optional<T>> value, std::string_view what) {
  LB_CHECK(value);
  if (!*value) return not_found(what);
  return std::move(**value);
}

// How many rows of a list are answered.
[[nodiscard]] inline int bounded(int limit) { return std::clamp(limit, 1, 1000); }

Result<Conversation> get_conversation(Connection& db, const Principal& principal, std::string_view id);
// With its messages, what was embedded of it, and its words in the search index. Who may is asked before.
Status remove_conversation(Connection& db, const Context& context, const Conversation& conversation);
// Deletes what was embedded of a conversation, by anybody; in the transaction that deletes it.
Status forget_conversation(Connection& db, std::string_view conversation_id);
// permission_denied: another's that can be seen. `what`: begins the sentence.
Result<Conversation> own_conversation(Connection& db, const Principal& principal, std::string_view id,
                                      std::string_view what);

}  // namespace librebird::storage
