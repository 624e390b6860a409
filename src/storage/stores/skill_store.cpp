#include <librebird/core/ports/skill_store.hpp>

#include <boost/json.hpp>

#include "factories.hpp"
#include "rows.hpp"

#define LB_SKILL_COLUMNS "name, origin, enabled, pinned, current, granted, created_at, updated_at"
#define LB_VERSION_COLUMNS "name, hash, version, kind, manifest, tools, origin, installed_by, installed_at"

namespace librebird::storage {
namespace {

constexpr int kKeptVersions = 10;

std::string encode_list(const std::vector<std::string>& list) {
  boost::json::array array;
  for (const std::string& item : list) array.emplace_back(item);
  return boost::json::serialize(array);
}

Result<std::vector<std::string>> decode_list(std::string_view text) {
  boost::system::error_code failure;
  const boost::json::value value = boost::json::parse({text.data(), text.size()}, failure);
  std::vector<std::string> list;
  if (!failure && value.is_array()) {
    for (const boost::json::value& item : value.as_array()) {
      if (item.is_string()) list.emplace_back(item.as_string());
    }
    if (list.size() == value.as_array().size()) return list;
  }
  return {Code::data_loss, "A row of the skills cannot be read: restore the database from a backup."};
}

Result<InstalledSkill> skill_row(const Row& row) {
  InstalledSkill skill;
  skill.name = row.string(0);
  skill.origin = row.string(1);
  skill.enabled = row.integer(2) != 0;
  skill.pinned = row.integer(3) != 0;
  skill.current = row.string(4);
  LB_TRY(granted, decode_list(row.text(5)));
  skill.granted = std::move(granted);
  skill.created_at = row.integer(6);
  skill.updated_at = row.integer(7);
  return skill;
}

struct OwnedVersion {
  std::string skill;
  SkillVersion version;
};

OwnedVersion version_row(const Row& row) {
  return {row.string(0),
          {row.string(1), row.string(2), row.string(3), row.string(4), row.string(5), row.string(6), row.string(7),
           row.integer(8)}};
}

Status count_up(Connection& db, const Principal& principal) {
  LB_CHECK(
      db.execute("INSERT INTO skill_revisions (workspace_id, revision) VALUES ($1, 1) "
                 "ON CONFLICT (workspace_id) DO UPDATE SET revision = skill_revisions.revision + 1",
                 principal.workspace_id));
  return Ok{};
}

// Both counts only grow, so their sum moves with each.
Result<std::int64_t> read_revision(Connection& db, const Principal& principal) {
  auto number = [](const Row& row) { return row.integer(0); };
  LB_TRY(found, db.one("SELECT COALESCE((SELECT revision FROM skill_revisions WHERE workspace_id = $1), 0) + "
                       "COALESCE((SELECT revision FROM secret_revisions WHERE workspace_id = $1), 0)",
                       number, principal.workspace_id));
  return found.value_or(0);
}

Result<InstalledSkill> read_skill(Connection& db, const Principal& principal, const std::string& name) {
  LB_TRY(skill, found(db.one("SELECT " LB_SKILL_COLUMNS " FROM skills WHERE workspace_id = $1 AND name = $2", skill_row,
                             principal.workspace_id, name),
                      "skill"));
  LB_TRY(versions, db.all("SELECT " LB_VERSION_COLUMNS
                          " FROM skill_versions WHERE workspace_id = $1 AND name = $2 ORDER BY number DESC",
                          version_row, principal.workspace_id, name));
  for (OwnedVersion& owned : versions) skill.versions.push_back(std::move(owned.version));
  return skill;
}

Status insert_version(Connection& db, const Principal& principal, const std::string& name, const SkillVersion& version,
                      UnixMillis now) {
  LB_CHECK(
      db.execute("INSERT INTO skill_versions (workspace_id, name, hash, version, kind, manifest, tools, origin, "
                 "installed_by, installed_at, number) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                 "(SELECT COALESCE(MAX(number), 0) + 1 FROM skill_versions WHERE workspace_id = $1 AND name = $2)) "
                 "ON CONFLICT (workspace_id, name, hash) DO NOTHING",
                 principal.workspace_id, name, version.hash, clean_text(version.version), version.kind,
                 clean_text(version.manifest), clean_text(version.tools_json), clean_text(version.origin),
                 principal.user_id, now));
  return Ok{};
}

class SqlSkillStore final : public SkillStore {
 public:
  explicit SqlSkillStore(Context context) : context_(context) {}

  Task<Result<std::int64_t>> revision(Principal principal) override {
    auto work = [&](Connection& db) { return read_revision(db, principal); };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<SkillShelf>> load(Principal principal) override {
    auto work = [&](Connection& db) -> Result<SkillShelf> {
      SkillShelf shelf;
      LB_TRY(skills, db.all("SELECT " LB_SKILL_COLUMNS " FROM skills WHERE workspace_id = $1 ORDER BY name", skill_row,
                            principal.workspace_id));
      shelf.skills = std::move(skills);
      LB_TRY(
          versions,
          db.all("SELECT v.name, v.hash, v.version, v.kind, CASE WHEN s.current = v.hash THEN v.manifest ELSE '' "
                 "END, CASE WHEN s.current = v.hash THEN v.tools ELSE '' END, v.origin, v.installed_by, "
                 "v.installed_at FROM skill_versions v JOIN skills s ON s.workspace_id = v.workspace_id AND s.name = "
                 "v.name WHERE v.workspace_id = $1 ORDER BY v.name, v.number DESC",
                 version_row, principal.workspace_id));
      for (OwnedVersion& owned : versions) {
        for (InstalledSkill& skill : shelf.skills) {
          if (skill.name == owned.skill) skill.versions.push_back(std::move(owned.version));
        }
      }
      auto setting = [](const Row& row) { return SkillSettingValue{row.string(0), row.string(1), row.string(2)}; };
      LB_TRY(settings, db.all("SELECT skill, name, value FROM skill_settings WHERE workspace_id = $1 ORDER BY skill, "
                              "name",
                              setting, principal.workspace_id));
      shelf.settings = std::move(settings);
      return shelf;
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<InstalledSkill>> get(Principal principal, std::string name) override {
    auto work = [&](Connection& db) { return read_skill(db, principal, name); };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Status> add(Principal principal, std::string name, SkillVersion version,
                   std::vector<std::string> granted) override {
    const UnixMillis now = context_.clock.unix_now();
    const std::string list = encode_list(granted);
    auto work = [&](Connection& db) -> Status {
      LB_TRY(added, db.execute("INSERT INTO skills (workspace_id, name, origin, enabled, pinned, current, granted, "
                               "created_at, updated_at) VALUES ($1, $2, $3, 1, 0, $4, $5, $6, $6) "
                               "ON CONFLICT (workspace_id, name) DO NOTHING",
                               principal.workspace_id, name, clean_text(version.origin), version.hash, list, now));
      if (added == 0) {
        return {Code::already_exists,
                "A skill named " + name + " is installed already: update it, or remove it first."};
      }
      LB_CHECK(insert_version(db, principal, name, version, now));
      return count_up(db, principal);
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Status> add_version(Principal principal, std::string name, SkillVersion version,
                           std::vector<std::string> granted) override {
    const UnixMillis now = context_.clock.unix_now();
    const std::string list = encode_list(granted);
    auto work = [&](Connection& db) -> Status {
      LB_TRY(skill, read_skill(db, principal, name));
      if (skill.pinned) {
        return {Code::failed_precondition, "The skill " + name + " is pinned to its version: unpin it first."};
      }
      LB_CHECK(insert_version(db, principal, name, version, now));
      LB_CHECK(
          db.execute("UPDATE skills SET current = $3, granted = $4, origin = $5, updated_at = $6 "
                     "WHERE workspace_id = $1 AND name = $2",
                     principal.workspace_id, name, version.hash, list, clean_text(version.origin), now));
      LB_CHECK(
          db.execute("DELETE FROM skill_versions WHERE workspace_id = $1 AND name = $2 AND hash <> $3 AND number <= "
                     "(SELECT MAX(number) FROM skill_versions WHERE workspace_id = $1 AND name = $2) - $4",
                     principal.workspace_id, name, version.hash, kKeptVersions));
      return count_up(db, principal);
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Status> set_tools(Principal principal, std::string name, std::string hash, std::string tools_json) override {
    auto work = [&](Connection& db) -> Status {
      LB_TRY(changed,
             db.execute("UPDATE skill_versions SET tools = $4 WHERE workspace_id = $1 AND name = $2 AND hash = $3",
                        principal.workspace_id, name, hash, clean_text(tools_json)));
      if (changed == 0) return not_found("version of the skill");
      return count_up(db, principal);
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Status> use_version(Principal principal, std::string name, std::string hash) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Status {
      LB_TRY(changed,
             db.execute("UPDATE skills SET current = $3, updated_at = $4 WHERE workspace_id = $1 AND name = $2 "
                        "AND EXISTS (SELECT 1 FROM skill_versions v WHERE v.workspace_id = $1 AND v.name = $2 "
                        "AND v.hash = $3)",
                        principal.workspace_id, name, hash, now));
      if (changed == 0) return not_found("version of the skill");
      return count_up(db, principal);
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Status> change(Principal principal, std::string name, bool official, std::optional<bool> enabled,
                      std::optional<bool> pinned) override {
    const UnixMillis now = context_.clock.unix_now();
    const auto flag = [](std::optional<bool> value) {
      return value ? std::optional<int>(*value ? 1 : 0) : std::nullopt;
    };
    const std::optional<int> on = flag(enabled);
    const std::optional<int> fixed = flag(pinned);
    auto work = [&](Connection& db) -> Status {
      if (official) {
        LB_CHECK(
            db.execute("INSERT INTO skills (workspace_id, name, origin, enabled, pinned, current, granted, "
                       "created_at, updated_at) VALUES ($1, $2, $3, 1, 0, '', '[]', $4, $4) "
                       "ON CONFLICT (workspace_id, name) DO NOTHING",
                       principal.workspace_id, name, kOfficialOrigin, now));
      }
      LB_TRY(changed, db.execute("UPDATE skills SET enabled = COALESCE($3, enabled), pinned = COALESCE($4, pinned), "
                                 "updated_at = $5 WHERE workspace_id = $1 AND name = $2",
                                 principal.workspace_id, name, on, fixed, now));
      if (changed == 0) return not_found("skill");
      return count_up(db, principal);
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Status> remove(Principal principal, std::string name) override {
    auto work = [&](Connection& db) -> Status {
      LB_CHECK(
          db.execute("DELETE FROM skill_versions WHERE workspace_id = $1 AND name = $2", principal.workspace_id, name));
      LB_CHECK(db.execute("DELETE FROM skill_settings WHERE workspace_id = $1 AND skill = $2", principal.workspace_id,
                          name));
      LB_TRY(removed,
             db.execute("DELETE FROM skills WHERE workspace_id = $1 AND name = $2", principal.workspace_id, name));
      if (removed == 0) return not_found("skill");
      return count_up(db, principal);
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Status> set_setting(Principal principal, std::string skill, std::string name,
                           std::optional<std::string> value_json) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Status {
      if (value_json) {
        LB_CHECK(
            db.execute("INSERT INTO skill_settings (workspace_id, skill, name, value, updated_at) "
                       "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (workspace_id, skill, name) "
                       "DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
                       principal.workspace_id, skill, name, clean_text(*value_json), now));
      } else {
        LB_CHECK(db.execute("DELETE FROM skill_settings WHERE workspace_id = $1 AND skill = $2 AND name = $3",
                            principal.workspace_id, skill, name));
      }
      return count_up(db, principal);
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<std::vector<std::string>>> folders() override {
    auto work = [](Connection& db) {
      auto folder = [](const Row& row) { return row.string(0) + "/" + row.string(1) + "/" + row.string(2); };
      return db.all("SELECT workspace_id, name, hash FROM skill_versions", folder);
    };
    co_return co_await context_.database.read(kService, work);
  }

 private:
  Context context_;
};

}  // namespace

std::unique_ptr<SkillStore> make_skill_store(Context context) { return std::make_unique<SqlSkillStore>(context); }

}  // namespace librebird::storage
