#include <librebird/base/json_writer.hpp>
#include <librebird/core/ports/person_store.hpp>

#include "factories.hpp"
#include "person_import.hpp"
#include "personal_tables.hpp"
#include "rows.hpp"

#include <fmt/format.h>

namespace librebird::storage {
namespace {

std::string text_column(const Row& row) { return row.string(0); }

struct ExportedColumn {
  std::string_view name;
  bool integer = false;
};

std::vector<ExportedColumn> exported_columns(std::string_view list) {
  std::vector<ExportedColumn> columns;
  while (!list.empty()) {
    std::string_view name = list.substr(0, list.find(' '));
    list.remove_prefix(std::min(list.size(), name.size() + 1));
    const bool integer = name.ends_with('#');
    if (integer) name.remove_suffix(1);
    columns.push_back({name, integer});
  }
  return columns;
}

std::string json_of(const Row& row, const std::vector<ExportedColumn>& columns) {
  JsonWriter json;
  json.begin_object();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const int at = static_cast<int>(i);
    json.key(columns[i].name);
    if (row.is_null(at)) {
      json.null();
    } else if (columns[i].integer) {
      json.value(row.integer(at));
    } else {
      json.value(row.text(at));
    }
  }
  json.end_object();
  return std::move(json).take();
}

Status read_table(Connection& db, const PersonalTable& table, const std::string& user_id,
                  const PersonStore::Line& line) {
  if (table.exported.empty()) return Ok{};
  const std::vector<ExportedColumn> columns = exported_columns(table.exported);
  std::string list;
  for (const ExportedColumn& column : columns) list += (list.empty() ? "" : ", ") + std::string(column.name);
  auto visit = [&](const Row& row) { return line(table.table, json_of(row, columns)); };
  return db.each(fmt::format("SELECT {} FROM {} WHERE {} ORDER BY 1", list, table.table, table.own), visit, user_id);
}

Result<PersonScope> scope_of(Connection& db, const std::string& user_id) {
  LB_CHECK(found(db.one("SELECT id FROM users WHERE id = $1", text_column, user_id), "user"));
  PersonScope scope;
  scope.user_id = user_id;
  LB_TRY(workspaces, db.all("SELECT workspace_id FROM workspace_members WHERE user_id = $1 ORDER BY workspace_id",
                            text_column, user_id));
  LB_TRY(own, db.all("SELECT w.id FROM workspaces w WHERE w.owner_id = $1 AND NOT EXISTS (SELECT 1 FROM "
                     "workspace_members m WHERE m.workspace_id = w.id AND m.user_id <> $1) ORDER BY w.id",
                     text_column, user_id));
  scope.workspaces = std::move(workspaces);
  scope.own = std::move(own);
  return scope;
}

Result<PersonScope> erasable(Connection& db, const std::string& user_id) {
  LB_TRY(scope, scope_of(db, user_id));
  LB_TRY(first, db.one("SELECT id FROM users ORDER BY created_at, id LIMIT 1", text_column));
  if (first == user_id) {
    return {Code::failed_precondition,
            "This is the first account, with which the installation is run: to erase it, remove the data folder."};
  }
  LB_TRY(shared, db.one("SELECT w.name FROM workspaces w WHERE w.owner_id = $1 AND EXISTS (SELECT 1 FROM "
                        "workspace_members m WHERE m.workspace_id = w.id AND m.user_id <> $1) ORDER BY w.id LIMIT 1",
                        text_column, user_id));
  if (!shared) return scope;
  return {Code::failed_precondition,
          fmt::format("The workspace \"{}\" has other members: hand it over to one of them, or remove them, first.",
                      *shared)};
}

class SqlPersonStore final : public PersonStore {
 public:
  explicit SqlPersonStore(Context context) : context_(context) {}

  Task<Result<PersonScope>> scope(std::string user_id) override {
    auto work = [&](Connection& db) { return scope_of(db, user_id); };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<PersonScope>> may_erase(std::string user_id) override {
    auto work = [&](Connection& db) { return erasable(db, user_id); };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Status> read_all(std::string user_id, Line line) override {
    auto work = [&](Connection& db) -> Status {
      LB_CHECK(scope_of(db, user_id));
      for (const PersonalTable& table : personal_tables()) LB_CHECK(read_table(db, table, user_id, line));
      return Ok{};
    };
    co_return co_await context_.database.read(kService, work);
  }

  std::vector<std::string> brought_tables() override { return names_of_brought_tables(); }

  Task<Result<BroughtRows>> bring_in(Principal principal, std::string table, std::vector<std::string> rows,
                                     bool dry_run) override {
    auto work = [&](Connection& db) { return storage::bring_in(db, principal, table, rows, dry_run); };
    Result<Brought> brought = dry_run ? co_await context_.database.read(as(principal), work)
                                      : co_await context_.database.write(as(principal), work);
    LB_CO_TRY(done, std::move(brought));
    if (!done.messages.empty()) context_.search.note_new_messages(done.messages);
    co_return done.rows;
  }

  Task<Status> erase(std::string user_id) override {
    auto work = [&](Connection& db) -> Status {
      LB_TRY(scope, erasable(db, user_id));
      for (const std::string& workspace : scope.own) LB_CHECK(erase_workspace(db, workspace));
      LB_TRY(conversations, db.all("SELECT id FROM conversations WHERE user_id = $1", text_column, user_id));
      for (const std::string& conversation : conversations) {
        LB_CHECK(context_.search.removing(db, conversation));
        LB_CHECK(forget_conversation(db, conversation));
        LB_CHECK(db.execute("DELETE FROM approvals WHERE conversation_id = $1", conversation));
        LB_CHECK(db.execute("DELETE FROM conversations WHERE id = $1", conversation));
      }
      LB_CHECK(context_.search.removing_author(db, user_id));
      // Not the person's row, but his name on it.
      LB_CHECK(db.execute("UPDATE approvals SET decided_by = '' WHERE decided_by = $1", user_id));
      for (const PersonalTable& table : personal_tables()) {
        if (table.own.empty()) continue;
        LB_CHECK(db.execute(table.erase.empty() ? fmt::format("DELETE FROM {} WHERE {}", table.table, table.own)
                                                : std::string(table.erase),
                            user_id));
      }
      LB_CHECK(context_.search.removed(db));
      return context_.search.forget(db);
    };
    co_return co_await context_.database.write(kService, work);
  }

 private:
  // Nobody else is in it.
  Status erase_workspace(Connection& db, const std::string& workspace) {
    LB_TRY(conversations, db.all("SELECT id FROM conversations WHERE workspace_id = $1", text_column, workspace));
    for (const std::string& conversation : conversations) LB_CHECK(context_.search.removing(db, conversation));
    LB_CHECK(db.execute("DELETE FROM approvals WHERE workspace_id = $1", workspace));
    LB_CHECK(db.execute("DELETE FROM quota_use WHERE scope = 'workspace' AND subject = $1", workspace));
    LB_CHECK(db.execute("DELETE FROM usage_limits WHERE workspace_id = $1", workspace));
    LB_CHECK(db.execute("DELETE FROM secret_revisions WHERE workspace_id = $1", workspace));
    LB_CHECK(db.execute("DELETE FROM workspaces WHERE id = $1", workspace));
    return Ok{};
  }

  Context context_;
};

}  // namespace

std::unique_ptr<PersonStore> make_person_store(Context context) { return std::make_unique<SqlPersonStore>(context); }

}  // namespace librebird::storage
