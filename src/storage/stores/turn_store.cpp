#include "factories.hpp"
#include "rows.hpp"
#include "usage_rows.hpp"

#include <librebird/core/policy/permissions.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace librebird::storage {
namespace {

// The open turns of a conversation: how many, and the one whose turn it is.
struct Lane {
  int open = 0;
  std::string head_id;
  std::optional<TurnStatus> head_status;
};

Result<Lane> lane_of(Connection& db, std::string_view conversation_id, int limit) {
  Lane lane;
  auto visit = [&](const Row& row) {
    if (lane.open++ > 0) return;
    lane.head_id = row.string(0);
    lane.head_status = turn_status_from_string(row.text(1));
  };
  LB_CHECK(
      db.each("SELECT id, status FROM turns WHERE conversation_id = $1 AND finished_at IS NULL "
              "ORDER BY position LIMIT $2",
              visit, conversation_id, limit));
  return lane;
}

Error lease_lost() {
  return make_error(Code::failed_precondition,
                    "This turn is not leased to this worker any more, or was deleted: stop working on it.");
}

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

// One acceptance; lives on the database thread for one transaction.
class Acceptance {
 public:
  Acceptance(Connection& db, TextSearch& search, const Principal& principal, const AcceptMessage& input,
             const std::string& message_id, const std::string& turn_id, UnixMillis now)
      : db_(db),
        search_(search),
        principal_(principal),
        input_(input),
        message_id_(message_id),
        turn_id_(turn_id),
        now_(now) {}

  Result<Accepted> run() {
    if (!input_.client_message_id.empty()) {
      LB_TRY(first, first_outcome());
      if (first) return *std::move(first);
    }
    conversation_id_ = input_.conversation_id;
    LB_CHECK(find_target());
    LB_CHECK(touch_conversation());
    LB_CHECK(check_lane());
    LB_CHECK(target_ && !edits() ? reuse_question() : insert_question());
    LB_CHECK(insert_turn());
    LB_CHECK(count_usage(db_, principal_, turn_id_, input_.limits, now_));
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool edits() const { return !input_.edit_message_id.empty(); }

  Result<std::optional<Accepted>> first_outcome() {
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

  // What is edited or answered anew, if anything.
  Status find_target() {
    const std::string& id = edits() ? input_.edit_message_id : input_.regenerate_message_id;
    if (id.empty()) return Ok{};
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

  // Locks the lane, gives out the positions, moves the conversation to the top of the list.
  Status touch_conversation() {
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
      return columns.integer(3);
    };
    const std::string title = title_of(input_.content);
    LB_TRY(
        next,
        db_.one("UPDATE conversations AS c SET updated_at = $4, next_position = next_position + 2, bytes = bytes + $6, "
                "title = CASE WHEN title = '' THEN $5 ELSE title END "
                "WHERE c.id = $1 AND " LB_MAY_WRITE(
                    "$2", "$3") " RETURNING title, archived, created_at, next_position, user_id, workspace_access, "
                                "EXISTS (SELECT 1 FROM conversation_shares o WHERE o.conversation_id = $1), "
                                "(SELECT role FROM workspace_members WHERE workspace_id = $2 AND user_id = $3)",
                row, conversation_id_, principal_.workspace_id, principal_.user_id, now_, title,
                static_cast<std::int64_t>(input_.content.size())));
    if (!next) {
      LB_CHECK(get_conversation(db_, principal_, conversation_id_));
      return {Code::permission_denied, "This conversation is shared with you for reading only; ask its owner."};
    }
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
    return Ok{};
  }

  Status check_lane() {
    const int limit = std::max(input_.queue_limit, 1);
    LB_TRY(lane, lane_of(db_, conversation_id_, limit));
    if (target_ && lane.open > 0) {
      return {Code::failed_precondition,
              "A message of this conversation is being answered: wait for the answer or stop it first."};
    }
    if (lane.open >= limit) {
      Error error = make_error(Code::resource_exhausted,
                               fmt::format("{} messages of this conversation wait for their answers already: wait for "
                                           "one of them.",
                                           lane.open));
      error.retry_after = Millis(1000);
      return error;
    }
    const bool head = lane.open == 0;
    out_.conversation.active_turn_id = head ? turn_id_ : lane.head_id;
    out_.conversation.active_turn_status = head ? TurnStatus::queued : lane.head_status;
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
    return search_.added(db_, {message.id, conversation_id_, message.content}, principal_);
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
  TextSearch& search_;
  const Principal& principal_;
  const AcceptMessage& input_;
  const std::string& message_id_;
  const std::string& turn_id_;
  UnixMillis now_;
  std::string conversation_id_;
  std::optional<Target> target_;  // the user message that is replaced, or answered anew
  std::int64_t question_position_ = 0;
  Role role_ = Role::guest;
  Accepted out_;
};

// What the authors of questions are called; empty when there is only one.
Result<std::map<std::string, std::string>> names_of(Connection& db, const std::vector<std::string>& authors) {
  std::map<std::string, std::string> names;
  for (const std::string& author : authors) names.try_emplace(author);
  if (names.size() < 2) return std::map<std::string, std::string>{};
  auto text = [](const Row& row) { return row.string(0); };
  for (auto& [author, name] : names) {
    LB_TRY(known, db.one("SELECT display_name FROM users WHERE id = $1", text, author));
    name = known.value_or("Somebody");
  }
  return names;
}

// Visible messages before the answer's place, oldest first. Answers without text say nothing to a model. Where several
// people ask, each question says whose it is.
Result<std::vector<ChatMessage>> history_of(Connection& db, const TurnRow& turn, int limit) {
  std::vector<std::string> authors;
  auto map = [&](const Row& row) {
    const bool question = row.text(0) == to_string(MessageRole::user);
    authors.push_back(question ? row.string(2) : turn.turn.principal.user_id);
    return ChatMessage{question ? ChatRole::user : ChatRole::assistant, row.string(1), {}, ""};
  };
  LB_TRY(history,
         db.all("SELECT role, content, user_id FROM messages WHERE conversation_id = $1 AND superseded_by IS NULL AND "
                "position < $2 AND (role = 'user' OR content <> '') ORDER BY position DESC LIMIT $3",
                map, turn.turn.conversation_id, turn.position, std::max(limit, 1)));
  LB_TRY(names, names_of(db, authors));
  for (std::size_t i = 0; !names.empty() && i < history.size(); ++i) {
    if (history[i].role == ChatRole::user) history[i].content = names[authors[i]] + ": " + history[i].content;
  }
  std::ranges::reverse(history);
  return history;
}

Result<std::vector<TurnStep>> journal_of(Connection& db, const TurnRow& turn) {
  if (turn.next_step == 0) return std::vector<TurnStep>{};
  auto map = [](const Row& row) { return decode_step(static_cast<int>(row.integer(0)), row.text(1)); };
  return db.all("SELECT step, content FROM turn_steps WHERE turn_id = $1 ORDER BY step", map, turn.turn.id);
}

class SqlTurnStore final : public TurnStore {
 public:
  explicit SqlTurnStore(Context context) : context_(context) {}

  Task<Result<Accepted>> accept(Principal principal, AcceptMessage message) override {
    if (!message.edit_message_id.empty() && !message.regenerate_message_id.empty()) {
      co_return make_error(Code::invalid_argument, "A message is either edited or regenerated: name only one.");
    }
    message.content = clean_text(std::move(message.content));
    message.client_message_id = clean_text(std::move(message.client_message_id));
    const std::string message_id = context_.ids.next();
    const std::string turn_id = context_.ids.next();
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) {
      return Acceptance(db, context_.search, principal, message, message_id, turn_id, now).run();
    };
    Result<Accepted> accepted = co_await context_.database.write(as(principal), work);
    if (accepted) context_.search.note_new_messages();
    co_return accepted;
  }

  Task<Result<Turn>> get(Principal principal, std::string id) override {
    auto work = [&](Connection& db) { return turn_of(db, principal, id); };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<std::optional<LeasedTurn>>> lease(std::string conversation_id, std::string owner, Millis duration,
                                                int history_limit) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<std::optional<LeasedTurn>> {
      // Turns of a lane end in order, so the oldest open one is the only one that may be leased.
      LB_TRY(row, db.one("UPDATE turns SET status = 'running', lease_owner = $2, lease_expires_at = $3, "
                         "attempt = attempt + 1, started_at = COALESCE(started_at, $4) WHERE id = "
                         "(SELECT id FROM turns WHERE conversation_id = $1 AND finished_at IS NULL "
                         "ORDER BY position LIMIT 1) AND (lease_expires_at IS NULL OR lease_expires_at <= $4) "
                         "RETURNING " LB_TURN_COLUMNS,
                         turn_row, conversation_id, owner, now + duration.count(), now));
      if (!row) return std::optional<LeasedTurn>{};
      LB_TRY(history, history_of(db, *row, history_limit));
      LB_TRY(journal, journal_of(db, *row));
      return std::optional<LeasedTurn>(LeasedTurn{std::move(row->turn), std::move(history), std::move(journal)});
    };
    // A lease that a power cut takes back leaves the turn queued, and nothing it led to outlives it.
    co_return co_await context_.database.write(kServiceParallel, work, Durability::ordered);
  }

  Task<Result<LeasedTurn>> retake(std::string turn_id, std::string owner, Millis duration, int history_limit) override {
    const UnixMillis until = context_.clock.unix_now() + duration.count();
    auto work = [&](Connection& db) -> Result<LeasedTurn> {
      LB_TRY(row, db.one("UPDATE turns SET attempt = attempt + 1, lease_expires_at = $3 WHERE id = $1 AND "
                         "lease_owner = $2 RETURNING " LB_TURN_COLUMNS,
                         turn_row, turn_id, owner, until));
      if (!row) return lease_lost();
      LB_TRY(history, history_of(db, *row, history_limit));
      LB_TRY(journal, journal_of(db, *row));
      return LeasedTurn{std::move(row->turn), std::move(history), std::move(journal)};
    };
    co_return co_await context_.database.write(kServiceParallel, work, Durability::ordered);
  }

  Task<Result<std::vector<std::string>>> conversations_with_work() override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) {
      auto id = [](const Row& row) { return row.string(0); };
      return db.all(
          "SELECT t.conversation_id FROM turns t WHERE t.finished_at IS NULL AND NOT EXISTS "
          "(SELECT 1 FROM turns l WHERE l.conversation_id = t.conversation_id AND l.finished_at IS NULL AND "
          "l.lease_expires_at > $1) GROUP BY t.conversation_id ORDER BY MIN(t.created_at), t.conversation_id",
          id, now);
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<std::vector<std::string>>> renew(std::string owner, Millis duration) override {
    const UnixMillis until = context_.clock.unix_now() + duration.count();
    auto work = [&](Connection& db) {
      auto id = [](const Row& row) { return row.string(0); };
      return db.all(
          "UPDATE turns SET lease_expires_at = $2 WHERE finished_at IS NULL AND lease_owner = $1 RETURNING id", id,
          owner, until);
    };
    co_return co_await context_.database.write(kServiceParallel, work, Durability::ordered);
  }

  Task<Status> release(std::string owner) override {
    auto work = [&](Connection& db) -> Status {
      LB_CHECK(
          db.execute("UPDATE turns SET status = 'queued', lease_owner = NULL, lease_expires_at = NULL "
                     "WHERE finished_at IS NULL AND lease_owner = $1",
                     owner));
      return Ok{};
    };
    co_return co_await context_.database.write(kServiceParallel, work);
  }

  Task<Status> append_step(std::string turn_id, std::string owner, TurnStep step) override {
    const std::string content = encode_step(step);
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Status {
      LB_TRY(counted, db.execute("UPDATE turns SET next_step = next_step + 1 WHERE id = $1 AND lease_owner = $2 AND "
                                 "next_step = $3",
                                 turn_id, owner, step.index));
      if (counted == 0) return refused_step(db, turn_id, owner, step.index);
      LB_CHECK(db.post("INSERT INTO turn_steps (turn_id, step, content, created_at) VALUES ($1, $2, $3, $4)", turn_id,
                       step.index, content, now));
      return Ok{};
    };
    co_return co_await context_.database.write(kServiceParallel, work);
  }

  Task<Result<Turn>> finish(std::string turn_id, std::string owner, TurnStatus status, std::optional<TurnError> error,
                            std::optional<Message> answer, Spent spent) override {
    if (!is_final(status)) {
      co_return make_error(Code::invalid_argument, "A turn ends as done, failed or cancelled: name one of them.");
    }
    if (error) *error = {clean_text(std::move(error->code)), clean_text(std::move(error->detail))};
    std::optional<std::string> parts;
    if (answer) {
      if (!is_uuid(answer->id)) answer->id = context_.ids.next();
      answer->content = clean_text(std::move(answer->content));
      parts = encode_parts(answer->parts, answer->content);
    }
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<Turn> {
      LB_TRY(row, db.one("UPDATE turns SET status = $3, finished_at = $4, error_code = $5, error_detail = $6, "
                         "lease_owner = NULL, lease_expires_at = NULL "
                         "WHERE id = $1 AND lease_owner = $2 RETURNING " LB_TURN_COLUMNS,
                         turn_row, turn_id, owner, to_string(status), now, code_of(error), detail_of(error)));
      if (!row) return lease_lost();
      // The time that those who listened were told, if they were told one.
      const UnixMillis answered = answer && answer->created_at > 0 ? answer->created_at : now;
      if (answer) LB_CHECK(insert_answer(db, *row, *answer, parts, answered));
      const std::size_t bytes = answer ? std::max(answer->content.size(), parts ? parts->size() : 0) : 0;
      LB_CHECK(db.post("UPDATE conversations SET updated_at = $2, bytes = bytes + $3 WHERE id = $1",
                       row->turn.conversation_id, now, bytes));
      if (spent != Spent{}) {
        LB_CHECK(db.post("UPDATE usage_entries SET tokens = tokens + $2, cost = cost + $3 WHERE id = $1", turn_id,
                         spent.tokens, spent.cost));
      }
      return std::move(row->turn);
    };
    Result<Turn> finished = co_await context_.database.write(kServiceParallel, work);
    if (finished && answer) context_.search.note_new_messages();
    co_return finished;
  }

  Task<Result<Turn>> request_cancel(Principal principal, std::string id) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<Turn> {
      LB_CHECK(
          db.execute("UPDATE turns SET cancel_requested = 1, "
                     "finished_at = CASE WHEN status = 'queued' THEN $4 ELSE finished_at END, "
                     "status = CASE WHEN status = 'queued' THEN 'cancelled' ELSE status END "
                     "WHERE id = $1 AND finished_at IS NULL AND EXISTS (SELECT 1 FROM conversations c "
                     "WHERE c.id = turns.conversation_id AND " LB_MAY_WRITE("$2", "$3") ")",
                     id, principal.workspace_id, principal.user_id, now));
      LB_TRY(turn, turn_of(db, principal, id));
      if (!is_final(turn.status) && !turn.cancel_requested) {
        return {Code::permission_denied, "This conversation is shared with you for reading only; ask its owner."};
      }
      return turn;
    };
    co_return co_await context_.database.write(as(principal), work);
  }

 private:
  static std::optional<std::string_view> code_of(const std::optional<TurnError>& error) {
    return error ? std::optional<std::string_view>(error->code) : std::nullopt;
  }
  static std::optional<std::string_view> detail_of(const std::optional<TurnError>& error) {
    return error ? std::optional<std::string_view>(error->detail) : std::nullopt;
  }

  static Result<Turn> turn_of(Connection& db, const Principal& principal, const std::string& id) {
    LB_TRY(row, found(db.one("SELECT " LB_TURN_COLUMNS " FROM turns WHERE id = $1 AND EXISTS (SELECT 1 FROM "
                             "conversations c WHERE c.id = turns.conversation_id AND " LB_MAY_READ("$2", "$3") ")",
                             turn_row, id, principal.workspace_id, principal.user_id),
                      "turn"));
    return std::move(row.turn);
  }

  static Status refused_step(Connection& db, const std::string& turn_id, const std::string& owner, int index) {
    auto number = [](const Row& row) { return row.integer(0); };
    LB_TRY(next, db.one("SELECT next_step FROM turns WHERE id = $1 AND lease_owner = $2", number, turn_id, owner));
    if (!next) return lease_lost();
    if (index < *next)
      return {Code::already_exists, fmt::format("Step {} of this turn is in its journal already.", index)};
    return {Code::invalid_argument, fmt::format("The next step of this turn is {}, not {}.", *next, index)};
  }

  Status insert_answer(Connection& db, const TurnRow& row, const Message& answer,
                       const std::optional<std::string>& parts, UnixMillis now) {
    const Turn& turn = row.turn;
    std::optional<std::string_view> provider;
    std::optional<std::string_view> model;
    if (answer.model) {
      provider = answer.model->provider;
      model = answer.model->name;
    }
    LB_CHECK(
        db.post("INSERT INTO messages (id, conversation_id, position, workspace_id, user_id, turn_id, role, "
                "content, parts, status, error_code, error_detail, model_provider, model_name, model_demo, "
                "created_at) VALUES ($1, $2, $3, $4, $5, $6, 'assistant', $7, $8, $9, $10, $11, $12, $13, $14, $15)",
                answer.id, turn.conversation_id, row.position, turn.principal.workspace_id, turn.principal.user_id,
                turn.id, answer.content, parts, to_string(answer.status), code_of(answer.error),
                detail_of(answer.error), provider, model, answer.model && answer.model->demo, now));
    return context_.search.added(db, {answer.id, turn.conversation_id, answer.content}, turn.principal);
  }

  Context context_;
};

}  // namespace

std::unique_ptr<TurnStore> make_turn_store(Context context) { return std::make_unique<SqlTurnStore>(context); }

}  // namespace librebird::storage
