#include "rows.hpp"

#include <fmt/format.h>

namespace librebird::storage {
namespace {

template <class T>
Result<T> known(std::optional<T> value, std::string_view what) {
  if (!value)
    return {Code::data_loss, fmt::format("A stored {} is unknown: restore the database from a backup.", what)};
  return *value;
}

}  // namespace

Error not_found(std::string_view what) {
  return make_error(Code::not_found,
                    fmt::format("There is no {} with this id: list them to see which there are.", what));
}

std::optional<TurnError> error_row(const Row& row, int code_column) {
  if (row.is_null(code_column)) return std::nullopt;
  return TurnError{row.string(code_column), row.string(code_column + 1)};
}

Result<Message> message_row(const Row& row) {
  Message message;
  message.id = row.string(0);
  message.conversation_id = row.string(1);
  message.turn_id = row.string(2);
  message.role = row.text(3) == to_string(MessageRole::user) ? MessageRole::user : MessageRole::assistant;
  message.content = row.string(4);
  if (message.role == MessageRole::assistant) {
    LB_TRY(parts, decode_parts(row.optional_string(5), message.content));
    message.parts = std::move(parts);
  }
  LB_TRY(status, known(message_status_from_string(row.text(6)), "message's state"));
  message.status = status;
  message.error = error_row(row, 7);
  if (!row.is_null(9)) message.model = ModelInfo{row.string(9), row.string(10), row.integer(11) != 0};
  message.client_message_id = row.optional_string(12);
  message.created_at = row.integer(13);
  message.user_id = row.string(15);
  return message;
}

Result<TurnRow> turn_row(const Row& row) {
  TurnRow out;
  Turn& turn = out.turn;
  turn.id = row.string(0);
  turn.conversation_id = row.string(1);
  turn.message_id = row.string(2);
  LB_TRY(role, known(role_from_string(row.text(5)), "role"));
  turn.principal = Principal{row.string(3), row.string(4), role, ""};
  LB_TRY(status, known(turn_status_from_string(row.text(6)), "turn's state"));
  turn.status = status;
  turn.attempt = static_cast<int>(row.integer(7));
  turn.cancel_requested = row.integer(8) != 0;
  turn.error = error_row(row, 9);
  turn.created_at = row.integer(11);
  turn.started_at = row.optional_integer(12);
  turn.finished_at = row.optional_integer(13);
  out.position = row.integer(14);
  out.next_step = static_cast<int>(row.integer(15));
  return out;
}

ConversationRow conversation_row(const Row& row) {
  ConversationRow out;
  Conversation& conversation = out.conversation;
  conversation.id = row.string(0);
  conversation.user_id = row.string(1);
  conversation.workspace_id = row.string(2);
  conversation.title = row.string(3);
  conversation.archived = row.integer(4) != 0;
  conversation.created_at = row.integer(5);
  conversation.updated_at = row.integer(6);
  conversation.active_turn_id = row.optional_string(7);
  if (!row.is_null(8)) conversation.active_turn_status = turn_status_from_string(row.text(8));
  conversation.sharing.workspace = access_from_string(row.text(9)).value_or(Access::none);
  out.single_shares = row.integer(10) != 0;
  return out;
}

Result<Conversation> with_people(Connection& db, ConversationRow row) {
  if (!row.single_shares) return std::move(row.conversation);
  auto person = [](const Row& columns) {
    return Sharing::Person{columns.string(0), access_from_string(columns.text(1)).value_or(Access::none)};
  };
  LB_TRY(people,
         db.all("SELECT user_id, access FROM conversation_shares WHERE conversation_id = $1 ORDER BY created_at, "
                "user_id",
                person, row.conversation.id));
  row.conversation.sharing.people = std::move(people);
  return std::move(row.conversation);
}

Result<Conversation> get_conversation(Connection& db, const Principal& principal, std::string_view id) {
  LB_TRY(row, found(db.one("SELECT " LB_CONVERSATION_COLUMNS
                           " FROM conversations c WHERE c.id = $1 AND " LB_MAY_READ("$2", "$3"),
                           conversation_row, id, principal.workspace_id, principal.user_id),
                    "conversation"));
  return with_people(db, std::move(row));
}

Result<Conversation> own_conversation(Connection& db, const Principal& principal, std::string_view id,
                                      std::string_view what) {
  LB_TRY(conversation, get_conversation(db, principal, id));
  if (conversation.user_id == principal.user_id) return conversation;
  return {Code::permission_denied, fmt::format("{} is for its owner; this conversation is shared with you.", what)};
}

}  // namespace librebird::storage
