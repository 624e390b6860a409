#include <librebird/storage/legacy/legacy_importer.hpp>

#include "import_run.hpp"

namespace librebird::storage {
namespace {

class SqlLegacyImporter final : public LegacyImporter {
 public:
  explicit SqlLegacyImporter(LegacyParts parts) : parts_(std::move(parts)) {}

  Task<Result<Principal>> find_member(std::string user, std::string workspace) override {
    auto find = [&](Connection& db) -> Result<Principal> {
      auto member = [](const Row& row) {
        return Principal{row.string(0), row.string(1), role_from_string(row.text(2)).value_or(Role::guest), ""};
      };
      if (user.empty()) {
        auto text = [](const Row& row) { return row.string(0); };
        LB_TRY(owner, db.one("SELECT user_id FROM workspace_members WHERE role = 'owner' ORDER BY joined_at, "
                             "workspace_id, user_id LIMIT 1",
                             text));
        user = owner.value_or("");
      }
      LB_TRY(found, db.one("SELECT m.user_id, m.workspace_id, m.role FROM workspace_members m JOIN users u ON u.id = "
                           "m.user_id WHERE (u.id = $1 OR LOWER(u.email) = LOWER($1)) AND ($2 = '' OR m.workspace_id = "
                           "$2) ORDER BY CASE WHEN m.role = 'owner' THEN 0 ELSE 1 END, m.joined_at, m.workspace_id "
                           "LIMIT 1",
                           member, user, workspace));
      if (!found) {
        return {Code::not_found,
                "There is no such user, or not in that workspace: name a user by e-mail address or id, and a workspace "
                "they belong to by id."};
      }
      return *found;
    };
    co_return co_await parts_.database.read(kService, find);
  }

  Task<Result<LegacyReport>> run(Principal principal, LegacyImport options,
                                 std::function<void(const LegacyProgress&)> progress) override {
    LB_CO_TRY(times, legacy::LocalTimes::in(options.timezone));
    legacy::ImportRun run(parts_, std::move(principal), std::move(options), std::move(times), std::move(progress));
    co_return co_await run.run();
  }

 private:
  LegacyParts parts_;
};

}  // namespace

std::unique_ptr<LegacyImporter> make_legacy_importer(LegacyParts parts) {
  return std::make_unique<SqlLegacyImporter>(std::move(parts));
}

}  // namespace librebird::storage
