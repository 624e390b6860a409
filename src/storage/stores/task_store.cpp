#include "factories.hpp"
#include "rows.hpp"

namespace librebird::storage {
namespace {

#define LB_TASK_COLUMNS "id, title, description, status, priority, source, source_id, created_at, completed_at"

Result<PersonalTask> task_row(const Row& row) {
  PersonalTask task;
  task.id = row.string(0);
  task.title = row.string(1);
  task.description = row.optional_string(2);
  const auto status = task_status_from_string(row.text(3));
  if (!status) return {Code::data_loss, "A stored task's state is unknown: restore the database from a backup."};
  task.status = *status;
  task.priority = row.is_null(4) ? std::nullopt : task_priority_from_string(row.text(4));
  task.source = row.optional_string(5);
  task.source_id = row.optional_string(6);
  task.created_at = row.integer(7);
  task.completed_at = row.optional_integer(8);
  return task;
}

class SqlTaskStore final : public TaskStore {
 public:
  explicit SqlTaskStore(Context context) : context_(context) {}

  Task<Result<PersonalTask>> add(Principal principal, PersonalTask task) override {
    task.title = clean_text(std::move(task.title));
    if (task.title.find_first_not_of(" \t\r\n") == std::string::npos) {
      co_return make_error(Code::invalid_argument, "A task needs a title.");
    }
    task.id = context_.ids.next();
    task.created_at = context_.clock.unix_now();
    task.description = clean_text(std::move(task.description));
    task.source = clean_text(std::move(task.source));
    task.source_id = clean_text(std::move(task.source_id));
    if (task.status != TaskStatus::done) task.completed_at.reset();
    std::optional<std::string_view> priority;
    if (task.priority) priority = to_string(*task.priority);
    auto work = [&](Connection& db) -> Result<PersonalTask> {
      LB_CHECK(db.execute(
          "INSERT INTO tasks (id, workspace_id, user_id, title, description, status, priority, source, "
          "source_id, created_at, completed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
          task.id, principal.workspace_id, principal.user_id, task.title, task.description, to_string(task.status),
          priority, task.source, task.source_id, task.created_at, task.completed_at));
      return task;
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<std::vector<PersonalTask>>> list(Principal principal, std::optional<TaskStatus> status,
                                               int limit) override {
    auto work = [&](Connection& db) {
      const std::string_view wanted = status ? to_string(*status) : "";
      return db.all("SELECT " LB_TASK_COLUMNS
                    " FROM tasks WHERE workspace_id = $1 AND user_id = $2 AND ($3 = '' OR status = $3) ORDER BY CASE "
                    "WHEN $3 <> '' THEN 0 WHEN status = 'in_progress' THEN 0 WHEN status = 'todo' THEN 1 WHEN status = "
                    "'done' THEN 2 ELSE 3 END, created_at DESC, id DESC LIMIT $4",
                    task_row, principal.workspace_id, principal.user_id, wanted, bounded(limit));
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<PersonalTask>> set_status(Principal principal, std::string id, TaskStatus status) override {
    std::optional<UnixMillis> completed;
    if (status == TaskStatus::done) completed = context_.clock.unix_now();
    auto work = [&](Connection& db) {
      return found(db.one("UPDATE tasks SET status = $4, completed_at = $5 WHERE id = $1 AND workspace_id = $2 AND "
                          "user_id = $3 RETURNING " LB_TASK_COLUMNS,
                          task_row, id, principal.workspace_id, principal.user_id, to_string(status), completed),
                   "task");
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Status> remove(Principal principal, std::string id) override {
    auto work = [&](Connection& db) -> Status {
      LB_CHECK(
          db.execute("DELETE FROM legacy_ids WHERE kind = 'task' AND id = $1 AND workspace_id = $2 AND user_id = $3",
                     id, principal.workspace_id, principal.user_id));
      LB_TRY(removed, db.execute("DELETE FROM tasks WHERE id = $1 AND workspace_id = $2 AND user_id = $3", id,
                                 principal.workspace_id, principal.user_id));
      if (removed == 0) return not_found("task");
      return Ok{};
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<std::int64_t>> prune(Principal principal, UnixMillis before) override {
    auto work = [&](Connection& db) {
      return db.execute(
          "DELETE FROM tasks WHERE workspace_id = $1 AND user_id = $2 AND status IN ('done', 'dismissed') AND "
          "COALESCE(completed_at, created_at) < $3",
          principal.workspace_id, principal.user_id, before);
    };
    co_return co_await context_.database.write(as(principal), work);
  }

 private:
  Context context_;
};

#undef LB_TASK_COLUMNS

}  // namespace

std::unique_ptr<TaskStore> make_task_store(Context context) { return std::make_unique<SqlTaskStore>(context); }

}  // namespace librebird::storage
