#include "factories.hpp"
#include "rows.hpp"

namespace librebird::storage {
namespace {

constexpr UnixMillis kUseNotedEvery = 60'000;

Error no_session() {
  return make_error(Code::unauthenticated, "This session is unknown or has expired: sign in again.");
}

Result<Role> role_of(std::string_view name) {
  const std::optional<Role> role = role_from_string(name);
  if (!role) return {Code::data_loss, "A stored role is unknown: restore the database from a backup."};
  return *role;
}

// Columns: id, user, workspace, role, expiry.
Result<Session> session_row(const Row& row) {
  LB_TRY(role, role_of(row.text(3)));
  return Session{row.string(0), Principal{row.string(1), row.string(2), role, row.string(0)}, row.integer(4)};
}

ApiKey api_key_row(const Row& row) {
  return {row.string(0), row.string(1), row.string(2), row.integer(3), row.optional_integer(4)};
}

struct FoundKey {
  Principal principal;
  std::optional<UnixMillis> last_used_at;
};

class SqlCredentialStore final : public CredentialStore {
 public:
  explicit SqlCredentialStore(Context context) : context_(context) {}

  Task<Status> add_sign_in_link(Principal principal, std::string token_hash, UnixMillis expires_at) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Status {
      LB_CHECK(db.execute("DELETE FROM sign_in_links WHERE expires_at <= $1", now));
      LB_CHECK(
          db.execute("INSERT INTO sign_in_links (token_hash, workspace_id, user_id, created_at, expires_at) "
                     "VALUES ($1, $2, $3, $4, $5)",
                     token_hash, principal.workspace_id, principal.user_id, now, expires_at));
      return Ok{};
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<Session>> redeem_sign_in_link(std::string token_hash, std::string session_hash,
                                            UnixMillis session_expires_at) override {
    const UnixMillis now = context_.clock.unix_now();
    const std::string id = context_.ids.next();
    auto work = [&](Connection& db) -> Result<Session> {
      auto owner = [](const Row& row) { return Principal{row.string(0), row.string(1), Role::guest, ""}; };
      LB_TRY(redeemed, db.one("UPDATE sign_in_links SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND "
                              "expires_at > $2 RETURNING user_id, workspace_id",
                              owner, token_hash, now));
      if (!redeemed) {
        return {Code::unauthenticated, "This sign-in link is unknown, used or expired: ask for a new one."};
      }
      LB_CHECK(db.execute("DELETE FROM sessions WHERE expires_at <= $1", now));
      LB_CHECK(
          db.execute("INSERT INTO sessions (id, session_hash, workspace_id, user_id, created_at, expires_at) "
                     "VALUES ($1, $2, $3, $4, $5, $6)",
                     id, session_hash, redeemed->workspace_id, redeemed->user_id, now, session_expires_at));
      return session_by_hash(db, session_hash, now);
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<Session>> find_session(std::string session_hash) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) { return session_by_hash(db, session_hash, now); };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Status> delete_session(std::string session_hash) override {
    auto work = [&](Connection& db) -> Status {
      LB_CHECK(db.execute("DELETE FROM sessions WHERE session_hash = $1", session_hash));
      return Ok{};
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<ApiKey>> add_api_key(Principal principal, std::string name, std::string prefix,
                                   std::string key_hash) override {
    const ApiKey key{context_.ids.next(), clean_text(std::move(name)), clean_text(std::move(prefix)),
                     context_.clock.unix_now(), std::nullopt};
    auto work = [&](Connection& db) -> Result<ApiKey> {
      LB_CHECK(db.execute(
          "INSERT INTO api_keys (id, key_hash, workspace_id, user_id, name, prefix, created_at) "
          "VALUES ($1, $2, $3, $4, $5, $6, $7)",
          key.id, key_hash, principal.workspace_id, principal.user_id, key.name, key.prefix, key.created_at));
      return key;
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<std::vector<ApiKey>>> list_api_keys(Principal principal) override {
    auto work = [&](Connection& db) {
      return db.all(
          "SELECT id, name, prefix, created_at, last_used_at FROM api_keys WHERE workspace_id = $1 AND "
          "user_id = $2 AND revoked_at IS NULL ORDER BY id",
          api_key_row, principal.workspace_id, principal.user_id);
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Status> revoke_api_key(Principal principal, std::string id) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Status {
      LB_TRY(revoked, db.execute("UPDATE api_keys SET revoked_at = $4 WHERE id = $1 AND workspace_id = $2 AND "
                                 "user_id = $3 AND revoked_at IS NULL",
                                 id, principal.workspace_id, principal.user_id, now));
      if (revoked == 0) return not_found("API key");
      return Ok{};
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<Principal>> find_api_key(std::string key_hash) override {
    const UnixMillis now = context_.clock.unix_now();
    auto find = [&](Connection& db) -> Result<FoundKey> {
      auto map = [](const Row& row) -> Result<FoundKey> {
        LB_TRY(role, role_of(row.text(3)));
        return FoundKey{Principal{row.string(1), row.string(2), role, row.string(0)}, row.optional_integer(4)};
      };
      LB_TRY(key, db.one("SELECT k.id, k.user_id, k.workspace_id, m.role, k.last_used_at FROM api_keys k "
                         "JOIN workspace_members m ON m.workspace_id = k.workspace_id AND m.user_id = k.user_id "
                         "WHERE k.key_hash = $1 AND k.revoked_at IS NULL",
                         map, key_hash));
      if (!key) return {Code::unauthenticated, "This API key is unknown or was revoked: make a new one."};
      return *std::move(key);
    };
    Result<FoundKey> key = co_await context_.database.read(kService, find);
    if (!key) co_return key.error();
    if (!key->last_used_at || *key->last_used_at + kUseNotedEvery <= now) {
      auto note = [&](Connection& db) -> Status {
        LB_CHECK(db.execute("UPDATE api_keys SET last_used_at = $2 WHERE id = $1", key->principal.credential_id, now));
        return Ok{};
      };
      // A note that could not be written must not lock anybody out.
      (void)co_await context_.database.write(kService, note, Durability::ordered);
    }
    co_return key->principal;
  }

 private:
  static Result<Session> session_by_hash(Connection& db, const std::string& hash, UnixMillis now) {
    LB_TRY(session, db.one("SELECT s.id, s.user_id, s.workspace_id, m.role, s.expires_at FROM sessions s "
                           "JOIN workspace_members m ON m.workspace_id = s.workspace_id AND m.user_id = s.user_id "
                           "WHERE s.session_hash = $1 AND s.expires_at > $2",
                           session_row, hash, now));
    if (!session) return no_session();
    return *std::move(session);
  }

  Context context_;
};

}  // namespace

std::unique_ptr<CredentialStore> make_credential_store(Context context) {
  return std::make_unique<SqlCredentialStore>(context);
}

}  // namespace librebird::storage
