#include "acceptance.hpp"

#include <librebird/core/policy/permissions.hpp>

#include <fmt/format.h>

#include <algorithm>

#include "rows.hpp"
#include "usage_rows.hpp"

namespace librebird::storage {
namespace {

// A message named in an edit or regenerate.
struct Target {
  Message message;
  std::int64_t position = 0;
};

Result<Target> target_row(const Row& row) {
  LB_TRY(message, message_row(row));
  return Target{std::move(message), row.integer(14)};
}

Result<Target> visible_message(Connection& db, const Principal& principal, std::string_view id) {
  return found(db.one("SELECT " LB_MESSAGE_COLUMNS " FROM messages m JOIN conversations c ON c.id = m.conversation_id "
                      "WHERE m.id = $1 AND m.superseded_by IS NULL AND " LB_MAY_READ("$2", "$3"),
                      target_row, id, principal.workspace_id, principal.user_id),
               "message");
}

// One acceptance; lives on the database thread for one transaction. What an ordinary message needs to know comes with
// the first statement, so that everything is two round trips.
class Acceptance {
 public:
  Acceptance(Connection& db, const Acceptable& message)
      : db_(db),
        principal_(message.principal),
        input_(message.input),
        message_id_(message.message_id),
        turn_id_(message.turn_id),
        now_(message.now) {}

  Result<Accepted> run() {
    conversation_id_ = input_.conversation_id;
    if (!input_.edit_message_id.empty() || !input_.regenerate_message_id.empty()) {
      LB_TRY(first, first_outcome());
      if (first) return *std::move(first);
      LB_CHECK(find_target());
    }
    LB_TRY(touched, touch_conversation());
    if (!touched) {
      LB_TRY(first, first_outcome());
      if (first) return *std::move(first);
      LB_CHECK(get_conversation(db_, principal_, conversation_id_));
      return {Code::permission_denied, "This conversation is shared with you for reading only; ask its owner."};
    }
    LB_CHECK(check_lane());
    const PostedTogether together(db_);
    LB_CHECK(target_ && !edits() ? reuse_question() : insert_question());
    LB_CHECK(insert_turn());
    LB_TRY(holding, limits_that_hold(db_, principal_, input_.limits, limited_));
    LB_CHECK(check_room(db_, principal_, holding));
    LB_CHECK(count_usage(db_, principal_, turn_id_, holding, now_));
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool edits() const { return !input_.edit_message_id.empty(); }

  // Of the same message, if it was accepted before.
  Result<std::optional<Accepted>> first_outcome() {
    if (input_.client_message_id.empty()) return std::optional<Accepted>{};
    LB_TRY(turn, db_.one("SELECT " LB_TURN_COLUMNS " FROM turns WHERE user_id = $1 AND workspace_id = $2 AND "
                         "client_message_id = $3",
                         turn_row, principal_.user_id, principal_.workspace_id, input_.client_message_id));
    if (!turn) return std::optional<Accepted>{};
    Accepted accepted;
    accepted.duplicate = true;
    accepted.turn = turn->turn;
    LB_TRY(message, found(db_.one("SELECT " LB_MESSAGE_COLUMNS " FROM messages m WHERE m.id = $1", message_row,
                                  accepted.turn.message_id),
                          "message"));
    accepted.message = std::move(message);
    LB_TRY(conversation, get_conversation(db_, principal_, accepted.turn.conversation_id));
    accepted.conversation = std::move(conversation);
    return std::optional<Accepted>(std::move(accepted));
  }

  // What is edited or answered anew.
  Status find_target() {
    const std::string& id = edits() ? input_.edit_message_id : input_.regenerate_message_id;
    LB_TRY(target, visible_message(db_, principal_, id));
    if (conversation_id_.empty()) conversation_id_ = target.message.conversation_id;
    if (conversation_id_ != target.message.conversation_id) return not_found("message");
    const bool is_question = target.message.role == MessageRole::user;
    if (edits() && !is_question) {
      return {Code::invalid_argument, "An answer cannot be edited: edit the message it answers, or regenerate it."};
    }
    if (edits() && target.message.user_id != principal_.user_id) {
      return {Code::permission_denied, "A message is edited by who wrote it; write one of your own instead."};
    }
    if (!edits() && is_question) {
      return {Code::invalid_argument,
              "A message of your own cannot be regenerated: edit it, or regenerate its answer."};
    }
    if (!edits()) {
      LB_TRY(question, found(db_.one("SELECT " LB_MESSAGE_COLUMNS " FROM messages m WHERE m.conversation_id = $1 AND "
                                     "m.position < $2 AND m.role = 'user' AND m.superseded_by IS NULL "
                                     "ORDER BY m.position DESC LIMIT 1",
                                     target_row, conversation_id_, target.position),
                             "message"));
      target = std::move(question);
    }
    target_ = std::move(target);
    return Ok{};
  }

  // Locks the lane, gives out the positions, moves the conversation to the top of the list, and looks at the lane.
  // False: it may not be written into, or the message was accepted before.
  Result<bool> touch_conversation() {
    ConversationRow shared;
    Conversation& conversation = shared.conversation;
    auto row = [&](const Row& columns) {
      conversation.title = columns.string(0);
      conversation.archived = columns.integer(1) != 0;
      conversation.created_at = columns.integer(2);
      conversation.user_id = columns.string(4);
      conversation.sharing.workspace = access_from_string(columns.text(5)).value_or(Access::none);
      shared.single_shares = columns.integer(6) != 0;
      role_ = role_from_string(columns.text(7)).value_or(Role::guest);
      open_ = columns.integer(8);
      const std::string_view head = columns.text(9);
      head_id_ = head.substr(0, head.find(' '));
      if (open_ > 0) head_status_ = turn_status_from_string(head.substr(head_id_.size() + 1));
      limited_ = columns.integer(10) != 0;
      return columns.integer(3);
    };
    const std::string title = title_of(input_.content);
    const Param client_id =
        input_.client_message_id.empty() ? Param(nullptr) : Param(std::string_view(input_.client_message_id));
#define LB_OPEN_TURNS "FROM turns t WHERE t.conversation_id = $1 AND t.finished_at IS NULL"
    LB_TRY(
        next,
        db_.one("UPDATE conversations AS c SET updated_at = $4, next_position = next_position + 2, bytes = bytes + $6, "
                "title = CASE WHEN title = '' THEN $5 ELSE title END "
                "WHERE c.id = $1 AND " LB_MAY_WRITE(
                    "$2", "$3") " AND NOT EXISTS (SELECT 1 FROM turns d WHERE d.user_id = $3 AND d.workspace_id = $2 "
                                "AND d.client_message_id = $7) RETURNING title, archived, created_at, next_position, "
                                "user_id, workspace_access, "
                                "EXISTS (SELECT 1 FROM conversation_shares o WHERE o.conversation_id = $1), "
                                "(SELECT role FROM workspace_members WHERE workspace_id = $2 AND user_id = $3), "
                                "(SELECT COUNT(*) FROM (SELECT 1 " LB_OPEN_TURNS " LIMIT $8) AS waiting), "
                                "(SELECT t.id || ' ' || t.status " LB_OPEN_TURNS " ORDER BY t.position LIMIT 1), "
                                "EXISTS (SELECT 1 FROM usage_limits l WHERE (l.workspace_id = '' AND l.user_id = $3) "
                                "OR (l.workspace_id = $2 AND l.user_id IN ('', $3)))",
                row, conversation_id_, principal_.workspace_id, principal_.user_id, now_, title,
                static_cast<std::int64_t>(input_.content.size()), client_id, queue_limit()));
    if (!next) return false;
    // The principal may have grown old; what the turn may do is the role of now.
    Principal now = principal_;
    now.role = role_;
    LB_CHECK(policy::require(now, policy::Permission::chat));
    question_position_ = *next - 2;
    conversation.id = conversation_id_;
    conversation.workspace_id = principal_.workspace_id;
    conversation.updated_at = now_;
    LB_TRY(whole, with_people(db_, std::move(shared)));
    out_.conversation = std::move(whole);
    return true;
  }

  [[nodiscard]] std::int64_t queue_limit() const { return std::max(input_.queue_limit, 1); }

  Status check_lane() {
    if (target_ && open_ > 0) {
      return {Code::failed_precondition,
              "A message of this conversation is being answered: wait for the answer or stop it first."};
    }
    if (open_ >= queue_limit()) {
      Error error = make_error(Code::resource_exhausted,
                               fmt::format("{} messages of this conversation wait for their answers already: wait for "
                                           "one of them.",
                                           open_));
      error.retry_after = Millis(1000);
      return error;
    }
    out_.conversation.active_turn_id = open_ == 0 ? turn_id_ : head_id_;
    out_.conversation.active_turn_status = open_ == 0 ? TurnStatus::queued : head_status_;
    return Ok{};
  }

  Status supersede_from(std::int64_t position) {
    LB_CHECK(
        db_.post("UPDATE messages SET superseded_by = $3 WHERE conversation_id = $1 AND position >= $2 AND "
                 "superseded_by IS NULL",
                 conversation_id_, position, turn_id_));
    return Ok{};
  }

  Status reuse_question() {
    LB_CHECK(supersede_from(target_->position + 1));
    out_.message = std::move(target_->message);
    return Ok{};
  }

  Status insert_question() {
    if (target_) LB_CHECK(supersede_from(target_->position));
    Message& message = out_.message;
    message.id = message_id_;
    message.conversation_id = conversation_id_;
    message.turn_id = turn_id_;
    message.user_id = principal_.user_id;
    message.role = MessageRole::user;
    message.content = input_.content;
    if (!input_.client_message_id.empty()) message.client_message_id = input_.client_message_id;
    message.created_at = now_;
    LB_CHECK(
        db_.post("INSERT INTO messages (id, conversation_id, position, workspace_id, user_id, turn_id, role, "
                 "content, status, client_message_id, created_at) "
                 "VALUES ($1, $2, $3, $4, $5, $6, 'user', $7, 'complete', $8, $9)",
                 message.id, conversation_id_, question_position_, principal_.workspace_id, principal_.user_id,
                 turn_id_, message.content, message.client_message_id, now_));
    return Ok{};
  }

  Status insert_turn() {
    Turn& turn = out_.turn;
    turn.id = turn_id_;
    turn.conversation_id = conversation_id_;
    turn.message_id = out_.message.id;
    turn.principal = principal_;
    turn.principal.credential_id.clear();
    turn.principal.role = role_;
    turn.created_at = now_;
    const Param client_id =
        input_.client_message_id.empty() ? Param(nullptr) : Param(std::string_view(input_.client_message_id));
    LB_CHECK(
        db_.post("INSERT INTO turns (id, conversation_id, position, message_id, workspace_id, user_id, role, "
                 "client_message_id, status, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'queued', $9)",
                 turn.id, conversation_id_, question_position_ + 1, turn.message_id, principal_.workspace_id,
                 principal_.user_id, to_string(role_), client_id, now_));
    return Ok{};
  }

  Connection& db_;
  const Principal& principal_;
  const AcceptMessage& input_;
  const std::string& message_id_;
  const std::string& turn_id_;
  UnixMillis now_;
  std::string conversation_id_;
  std::optional<Target> target_;  // the user message that is replaced, or answered anew
  std::int64_t question_position_ = 0;
  Role role_ = Role::guest;
  std::int64_t open_ = 0;  // turns of the conversation, and the one whose turn it is
  std::string head_id_;
  std::optional<TurnStatus> head_status_;
  bool limited_ = false;  // there are stored limits that may hold
  Accepted out_;
};

}  // namespace

Result<Accepted> accept_message(Connection& db, const Acceptable& message) { return Acceptance(db, message).run(); }

}  // namespace librebird::storage
