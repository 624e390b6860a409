// Settings, days of screen context and numbers of the desktop app: small stores of one table each.
#include "factories.hpp"
#include "rows.hpp"

#include <algorithm>

namespace librebird::storage {
namespace {

class SqlDayMemoryStore final : public DayMemoryStore {
 public:
  explicit SqlDayMemoryStore(Context context) : context_(context) {}

  Task<Result<DayMemory>> add(Principal principal, DayMemory memory) override {
    memory.id = context_.ids.next();
    memory.created_at = context_.clock.unix_now();
    memory.summary = clean_text(std::move(memory.summary));
    memory.app_names = clean_text(std::move(memory.app_names));
    LB_CO_CHECK(check_day(memory.memory_date));
    auto work = [&](Connection& db) -> Result<DayMemory> {
      LB_CHECK(
          db.execute("INSERT INTO memories (id, workspace_id, user_id, memory_date, summary, app_names, created_at) "
                     "VALUES ($1, $2, $3, $4, $5, $6, $7)",
                     memory.id, principal.workspace_id, principal.user_id, memory.memory_date, memory.summary,
                     memory.app_names, memory.created_at));
      return memory;
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<std::vector<DayMemory>>> list(Principal principal, int limit) override {
    auto work = [&](Connection& db) {
      auto memory = [](const Row& row) {
        return DayMemory{row.string(0), row.string(1), row.string(2), row.optional_string(3), row.integer(4)};
      };
      return db.all(
          "SELECT id, memory_date, summary, app_names, created_at FROM memories WHERE workspace_id = $1 AND user_id = "
          "$2 ORDER BY memory_date DESC, id DESC LIMIT $3",
          memory, principal.workspace_id, principal.user_id, bounded(limit));
    };
    co_return co_await context_.database.read(as(principal), work);
  }

 private:
  Context context_;
};

class SqlSettingStore final : public SettingStore {
 public:
  explicit SqlSettingStore(Context context) : context_(context) {}

  Task<Status> put(Principal principal, std::string name, std::string value) override {
    name = clean_text(std::move(name));
    value = clean_text(std::move(value));
    if (name.empty() || name.size() > 200) {
      co_return make_error(Code::invalid_argument, "A setting's name has 1 to 200 bytes.");
    }
    auto work = [&](Connection& db) -> Status {
      LB_CHECK(
          db.execute("INSERT INTO user_settings (workspace_id, user_id, name, value) VALUES ($1, $2, $3, $4) ON "
                     "CONFLICT (workspace_id, user_id, name) DO UPDATE SET value = excluded.value",
                     principal.workspace_id, principal.user_id, name, value));
      return Ok{};
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<std::optional<std::string>>> get(Principal principal, std::string name) override {
    auto work = [&](Connection& db) {
      auto text = [](const Row& row) { return row.string(0); };
      return db.one("SELECT value FROM user_settings WHERE workspace_id = $1 AND user_id = $2 AND name = $3", text,
                    principal.workspace_id, principal.user_id, name);
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<std::vector<UserSetting>>> list(Principal principal) override {
    auto work = [&](Connection& db) {
      auto setting = [](const Row& row) { return UserSetting{row.string(0), row.string(1)}; };
      return db.all("SELECT name, value FROM user_settings WHERE workspace_id = $1 AND user_id = $2 ORDER BY name",
                    setting, principal.workspace_id, principal.user_id);
    };
    co_return co_await context_.database.read(as(principal), work);
  }

 private:
  Context context_;
};

class SqlLegacyIdStore final : public LegacyIdStore {
 public:
  explicit SqlLegacyIdStore(Context context) : context_(context) {}

  Task<Result<std::vector<std::int64_t>>> numbers_of(Principal principal, std::string kind,
                                                     std::vector<std::string> ids) override {
    auto look = [&](Connection& db) { return known(db, principal, kind, ids); };
    LB_CO_TRY(numbers, co_await context_.database.read(as(principal), look));
    if (std::ranges::find(numbers, 0) == numbers.end()) co_return numbers;
    auto give = [&](Connection& db) -> Result<std::vector<std::int64_t>> {
      for (const std::string& id : ids) {
        LB_CHECK(
            db.execute("INSERT INTO legacy_ids (workspace_id, user_id, kind, number, id) SELECT $1, $2, $3, "
                       "COALESCE(MAX(number), 0) + 1, $4 FROM legacy_ids WHERE workspace_id = $1 AND user_id = $2 AND "
                       "kind = $3 ON CONFLICT (workspace_id, user_id, kind, id) DO NOTHING",
                       principal.workspace_id, principal.user_id, kind, id));
      }
      return known(db, principal, kind, ids);
    };
    co_return co_await context_.database.write(as(principal), give);
  }

  Task<Result<std::string>> id_of(Principal principal, std::string kind, std::int64_t number) override {
    auto work = [&](Connection& db) -> Result<std::string> {
      auto text = [](const Row& row) { return row.string(0); };
      return found(db.one("SELECT id FROM legacy_ids WHERE workspace_id = $1 AND user_id = $2 AND kind = $3 AND number "
                          "= $4",
                          text, principal.workspace_id, principal.user_id, kind, number),
                   kind);
    };
    co_return co_await context_.database.read(as(principal), work);
  }

 private:
  // 0: none yet.
  static Result<std::vector<std::int64_t>> known(Connection& db, const Principal& principal, const std::string& kind,
                                                 const std::vector<std::string>& ids) {
    std::vector<std::int64_t> numbers;
    auto number = [](const Row& row) { return row.integer(0); };
    for (const std::string& id : ids) {
      LB_TRY(found, db.one("SELECT number FROM legacy_ids WHERE workspace_id = $1 AND user_id = $2 AND kind = $3 AND "
                           "id = $4",
                           number, principal.workspace_id, principal.user_id, kind, id));
      numbers.push_back(found.value_or(0));
    }
    return numbers;
  }

  Context context_;
};

}  // namespace

std::unique_ptr<DayMemoryStore> make_day_memory_store(Context context) {
  return std::make_unique<SqlDayMemoryStore>(context);
}
std::unique_ptr<SettingStore> make_setting_store(Context context) { return std::make_unique<SqlSettingStore>(context); }
std::unique_ptr<LegacyIdStore> make_legacy_id_store(Context context) {
  return std::make_unique<SqlLegacyIdStore>(context);
}

}  // namespace librebird::storage
