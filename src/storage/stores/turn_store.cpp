#include "acceptance.hpp"
#include "factories.hpp"
#include "rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace librebird::storage {
namespace {

Error lease_lost() {
  return make_error(Code::failed_precondition,
                    "This turn is not leased to this worker any more, or was deleted: stop working on it.");
}

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

// Beside the columns of a leased turn, what its tools would otherwise be asked for next.
#define LB_SKILL_REVISION                                                                                  \
  ", COALESCE((SELECT r.revision FROM skill_revisions r WHERE r.workspace_id = turns.workspace_id), 0) + " \
  "COALESCE((SELECT r.revision FROM secret_revisions r WHERE r.workspace_id = turns.workspace_id), 0)"

// What was said before a turn, newest first.
class History {
 public:
  // Visible messages before the answer's place. Answers without text say nothing to a model.
#define LB_HISTORY(conversation, turn)                                                    \
  "SELECT role, content, user_id FROM messages WHERE conversation_id = " conversation     \
  " AND superseded_by IS NULL AND position < (SELECT t.position FROM turns t WHERE " turn \
  ") AND (role = 'user' OR content <> '') ORDER BY position DESC LIMIT $2"
  void add(const Row& row) {
    const bool question = row.text(0) == to_string(MessageRole::user);
    messages_.push_back({question ? ChatRole::user : ChatRole::assistant, row.string(1), {}, ""});
    authors_.push_back(question ? row.string(2) : "");
  }
  // Oldest first. Where several people ask, each question says whose it is.
  Result<std::vector<ChatMessage>> of(Connection& db, const TurnRow& turn) && {
    for (std::size_t i = 0; i < messages_.size(); ++i) {
      if (messages_[i].role != ChatRole::user) authors_[i] = turn.turn.principal.user_id;
    }
    LB_TRY(names, names_of(db, authors_));
    for (std::size_t i = 0; !names.empty() && i < messages_.size(); ++i) {
      if (messages_[i].role == ChatRole::user) messages_[i].content = names[authors_[i]] + ": " + messages_[i].content;
    }
    std::ranges::reverse(messages_);
    return std::move(messages_);
  }

 private:
  std::vector<ChatMessage> messages_;
  std::vector<std::string> authors_;
};

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
    auto work = [&](Connection& db) { return accept_message(db, {principal, message, message_id, turn_id, now}); };
    Result<Accepted> accepted = co_await context_.database.write(as(principal), work);
    // Whatever became of it: one whose outcome nobody knows may have been committed.
    context_.search.note_new_messages({accepted ? &accepted->message.id : &message_id, 1});
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
      // Turns of a lane end in order, so the oldest open one is the only one that may be leased. What was said before
      // it is asked for in the same breath.
      std::optional<Taken> turn;
      History history;
      const Param lease[] = {std::string_view(conversation_id), std::string_view(owner), now + duration.count(), now};
      const Param before[] = {std::string_view(conversation_id), std::int64_t{std::max(history_limit, 1)}};
      LB_CHECK(db.each_of_two(
          {"UPDATE turns SET status = 'running', lease_owner = $2, lease_expires_at = $3, attempt = attempt + 1, "
           "started_at = COALESCE(started_at, $4) WHERE id = (SELECT id FROM turns WHERE conversation_id = $1 AND "
           "finished_at IS NULL ORDER BY position LIMIT 1) AND (lease_expires_at IS NULL OR lease_expires_at <= $4) "
           "RETURNING " LB_TURN_COLUMNS LB_SKILL_REVISION,
           lease},
          [&](const Row& row) { return put(row, turn); },
          {LB_HISTORY("$1", "t.conversation_id = $1 AND t.finished_at IS NULL ORDER BY t.position LIMIT 1"), before},
          [&](const Row& row) { history.add(row); }));
      if (!turn) return std::optional<LeasedTurn>{};
      LB_TRY(leased, leased_turn(db, *std::move(turn), std::move(history)));
      return std::optional<LeasedTurn>(std::move(leased));
    };
    // A lease that a power cut takes back leaves the turn queued, and nothing it led to outlives it.
    co_return co_await context_.database.write(kServiceParallel, work, Durability::ordered);
  }

  Task<Result<LeasedTurn>> retake(std::string turn_id, std::string owner, Millis duration, int history_limit) override {
    const UnixMillis until = context_.clock.unix_now() + duration.count();
    auto work = [&](Connection& db) -> Result<LeasedTurn> {
      std::optional<Taken> turn;
      History history;
      const Param lease[] = {std::string_view(turn_id), std::string_view(owner), until};
      const Param before[] = {std::string_view(turn_id), std::int64_t{std::max(history_limit, 1)}};
      LB_CHECK(db.each_of_two(
          {"UPDATE turns SET attempt = attempt + 1, lease_expires_at = $3 WHERE id = $1 AND "
           "lease_owner = $2 RETURNING " LB_TURN_COLUMNS LB_SKILL_REVISION,
           lease},
          [&](const Row& row) { return put(row, turn); },
          {LB_HISTORY("(SELECT t.conversation_id FROM turns t WHERE t.id = $1)", "t.id = $1"), before},
          [&](const Row& row) { history.add(row); }));
      if (!turn) return lease_lost();
      return leased_turn(db, *std::move(turn), std::move(history));
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
      const PostedTogether together(db);
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
    if (answer) context_.search.note_new_messages({&answer->id, 1});  // also where nobody knows
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
  // What leasing a turn answers.
  struct Taken {
    TurnRow row;
    std::int64_t skill_revision = 0;
  };
  static Status put(const Row& row, std::optional<Taken>& out) {
    LB_TRY(turn, turn_row(row));
    out = Taken{std::move(turn), row.integer(16)};
    return Ok{};
  }

  static Result<LeasedTurn> leased_turn(Connection& db, Taken taken, History history) {
    LB_TRY(messages, std::move(history).of(db, taken.row));
    LB_TRY(journal, journal_of(db, taken.row));
    return LeasedTurn{std::move(taken.row.turn), std::move(messages), std::move(journal), taken.skill_revision};
  }

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

  static Status insert_answer(Connection& db, const TurnRow& row, const Message& answer,
                              const std::optional<std::string>& parts, UnixMillis now) {
    const Turn& turn = row.turn;
    std::optional<std::string_view> provider;
    std::optional<std::string_view> model;
    if (answer.model) {
      provider = answer.model->provider;
      model = answer.model->name;
    }
    return db.post(
        "INSERT INTO messages (id, conversation_id, position, workspace_id, user_id, turn_id, role, "
        "content, parts, status, error_code, error_detail, model_provider, model_name, model_demo, "
        "created_at) VALUES ($1, $2, $3, $4, $5, $6, 'assistant', $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        answer.id, turn.conversation_id, row.position, turn.principal.workspace_id, turn.principal.user_id, turn.id,
        answer.content, parts, to_string(answer.status), code_of(answer.error), detail_of(answer.error), provider,
        model, answer.model && answer.model->demo, now);
  }

  Context context_;
};

}  // namespace

std::unique_ptr<TurnStore> make_turn_store(Context context) { return std::make_unique<SqlTurnStore>(context); }

}  // namespace librebird::storage
