#include "factories.hpp"
#include "rows.hpp"

namespace librebird::storage {
namespace {

Result<std::optional<Principal>> first_owner(Connection& db) {
  auto principal = [](const Row& row) { return Principal{row.string(0), row.string(1), Role::owner, ""}; };
  return db.one("SELECT owner_id, id FROM workspaces ORDER BY created_at, id LIMIT 1", principal);
}

class SqlIdentityStore final : public IdentityStore {
 public:
  explicit SqlIdentityStore(Context context) : context_(context) {}

  Task<Result<Principal>> ensure_owner() override {
    Result<std::optional<Principal>> known = co_await context_.database.read(kService, first_owner);
    if (!known) co_return known.error();
    if (*known) co_return **known;
    const Principal fresh{context_.ids.next(), context_.ids.next(), Role::owner, ""};
    const UnixMillis now = context_.clock.unix_now();
    auto create = [&](Connection& db) -> Result<Principal> {
      // Another process may have been faster.
      LB_TRY(existing, first_owner(db));
      if (existing) return *existing;
      LB_CHECK(
          db.execute("INSERT INTO users (id, display_name, created_at) VALUES ($1, 'Owner', $2)", fresh.user_id, now));
      LB_CHECK(db.execute("INSERT INTO workspaces (id, name, owner_id, created_at) VALUES ($1, 'Home', $2, $3)",
                          fresh.workspace_id, fresh.user_id, now));
      LB_CHECK(
          db.execute("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) "
                     "VALUES ($1, $2, 'owner', $3)",
                     fresh.workspace_id, fresh.user_id, now));
      return fresh;
    };
    co_return co_await context_.database.write(kService, create);
  }

  Task<Result<User>> get_user(Principal principal) override {
    auto work = [&](Connection& db) -> Result<User> {
      auto user = [](const Row& row) {
        return User{row.string(0), row.optional_string(1), row.string(2), row.integer(3)};
      };
      return found(db.one("SELECT u.id, u.email, u.display_name, u.created_at FROM users u "
                          "JOIN workspace_members m ON m.user_id = u.id WHERE u.id = $1 AND m.workspace_id = $2",
                          user, principal.user_id, principal.workspace_id),
                   "user");
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<Workspace>> get_workspace(Principal principal) override {
    auto work = [&](Connection& db) -> Result<Workspace> {
      auto workspace = [](const Row& row) {
        return Workspace{row.string(0), row.string(1), row.string(2), row.integer(3)};
      };
      return found(db.one("SELECT w.id, w.name, w.owner_id, w.created_at FROM workspaces w "
                          "JOIN workspace_members m ON m.workspace_id = w.id WHERE w.id = $1 AND m.user_id = $2",
                          workspace, principal.workspace_id, principal.user_id),
                   "workspace");
    };
    co_return co_await context_.database.read(as(principal), work);
  }

 private:
  Context context_;
};

}  // namespace

std::unique_ptr<IdentityStore> make_identity_store(Context context) {
  return std::make_unique<SqlIdentityStore>(context);
}

}  // namespace librebird::storage
