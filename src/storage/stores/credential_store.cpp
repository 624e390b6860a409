#include <librebird/core/policy/address.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "account_rows.hpp"
#include "audit_chain.hpp"
#include "factories.hpp"
#include "rows.hpp"

namespace librebird::storage {
namespace {

constexpr UnixMillis kUseNotedEvery = 60'000;
constexpr std::int64_t kSessionsOfUser = 100;
constexpr std::int64_t kApiKeysOfUser = 100;
constexpr std::size_t kLongestAgent = 256;

// Of `sessions s` and `workspace_members m`.
#define LB_SESSION_COLUMNS                                                                                        \
  "s.id, s.user_id, m.workspace_id, m.role, s.expires_at, s.session_hash IS NULL, s.created_at, s.last_used_at, " \
  "s.address, s.user_agent, s.epoch"
// A session with the membership it acts through: the wanted one, else its own, else the first.
#define LB_LIVE_SESSION(found_by)                                                                        \
  "SELECT " LB_SESSION_COLUMNS                                                                           \
  " FROM sessions s JOIN users u ON u.id = s.user_id JOIN workspace_members m ON m.user_id = s.user_id " \
  "WHERE " found_by                                                                                      \
  " AND s.expires_at > $2 AND s.last_used_at > $3 AND s.epoch = u.epoch AND u.disabled_at IS NULL "      \
  "AND ($4 = '' OR m.workspace_id = $4) "                                                                \
  "ORDER BY CASE WHEN m.workspace_id = s.workspace_id THEN 0 ELSE 1 END, m.joined_at, m.workspace_id LIMIT 1"

constexpr std::string_view kByHash = LB_LIVE_SESSION("s.session_hash = $1");
constexpr std::string_view kById = LB_LIVE_SESSION("s.id = $1 AND s.session_hash IS NULL");

Error no_session() {
  return make_error(Code::unauthenticated, "This session is unknown, was ended or has expired: sign in again.");
}

Error no_member() {
  return make_error(Code::permission_denied,
                    "You are no member of this workspace: name another one, or none for your own.");
}

Result<Role> role_of(std::string_view name) {
  const std::optional<Role> role = role_from_string(name);
  if (!role) return {Code::data_loss, "A stored role is unknown: restore the database from a backup."};
  return *role;
}

Result<Session> session_row(const Row& row) {
  LB_TRY(role, role_of(row.text(3)));
  Session session;
  session.id = row.string(0);
  session.principal = Principal{row.string(1), row.string(2), role, row.string(0)};
  session.expires_at = row.integer(4);
  session.kind = row.integer(5) != 0 ? SessionKind::token : SessionKind::browser;
  session.created_at = row.integer(6);
  session.last_used_at = row.integer(7);
  session.address = row.string(8);
  session.user_agent = row.string(9);
  session.epoch = row.integer(10);
  return session;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    if (end != 0) out.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

// Columns: id, name, prefix, created_at, last_used_at, scopes, expires_at, cidrs.
#define LB_API_KEY_COLUMNS "k.id, k.name, k.prefix, k.created_at, k.last_used_at, k.scopes, k.expires_at, k.cidrs"

ApiKey api_key_row(const Row& row) {
  ApiKey key{row.string(0), row.string(1), row.string(2), row.integer(3), row.optional_integer(4), {}, {}, {}};
  key.scopes = scopes_from_string(row.text(5));
  key.expires_at = row.optional_integer(6);
  key.cidrs = words_of(row.text(7));
  return key;
}

AuditEvent event_of(AuditKind kind, const Principal& principal, std::string subject, std::string detail) {
  AuditEvent event;
  event.kind = kind;
  event.principal = principal;
  event.subject = std::move(subject);
  event.detail = std::move(detail);
  return event;
}

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

  Task<Result<Session>> redeem_sign_in_link(std::string token_hash, NewSession session) override {
    const UnixMillis now = context_.clock.unix_now();
    const std::string id = context_.ids.next();
    auto work = [&](Connection& db) -> Result<Session> {
      auto whose = [](const Row& row) { return Principal{row.string(0), row.string(1), Role::guest, ""}; };
      LB_TRY(redeemed, db.one("UPDATE sign_in_links SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND "
                              "expires_at > $2 RETURNING user_id, workspace_id",
                              whose, token_hash, now));
      if (!redeemed) {
        return {Code::unauthenticated, "This sign-in link is unknown, used or expired: ask for a new one."};
      }
      NewSession opened = session;
      opened.user_id = redeemed->user_id;
      opened.workspace_id = redeemed->workspace_id;
      return insert_session(db, opened, id, now);
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<Session>> open_session(NewSession session) override {
    const UnixMillis now = context_.clock.unix_now();
    const std::string id = context_.ids.next();
    auto work = [&](Connection& db) { return insert_session(db, session, id, now); };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<Session>> find_session(std::string hash, std::string wanted, Millis idle) override {
    co_return co_await find(kByHash, std::move(hash), std::move(wanted), idle);
  }

  Task<Result<Session>> find_token_session(std::string id, std::string wanted, Millis idle) override {
    co_return co_await find(kById, std::move(id), std::move(wanted), idle);
  }

  Task<Result<std::vector<Session>>> list_sessions(Principal principal, Millis idle) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) {
      return db.all("SELECT " LB_SESSION_COLUMNS
                    " FROM sessions s JOIN users u ON u.id = s.user_id "
                    "JOIN workspace_members m ON m.user_id = s.user_id AND m.workspace_id = $2 "
                    "WHERE s.user_id = $1 AND s.expires_at > $3 AND s.last_used_at > $4 AND s.epoch = u.epoch "
                    "ORDER BY s.last_used_at DESC, s.id DESC",
                    session_row, principal.user_id, principal.workspace_id, now, now - idle.count());
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Status> delete_session(Principal principal, std::string id) override {
    auto work = [&](Connection& db) -> Status {
      LB_TRY(removed, db.execute("DELETE FROM sessions WHERE id = $1 AND user_id = $2", id, principal.user_id));
      if (removed == 0) return not_found("session");
      return append_audit(db, context_.audit,
                          event_of(AuditKind::session, principal, id,
                                   id == principal.credential_id ? "signed out" : "ended by its user"));
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<std::int64_t>> end_sessions(Principal principal, std::string keep) override {
    auto work = [&](Connection& db) -> Result<std::int64_t> {
      LB_TRY(epoch, raise_epoch(db, principal.user_id, keep));
      LB_CHECK(append_audit(db, context_.audit,
                            event_of(AuditKind::session, principal, "all",
                                     keep.empty() ? "signed out everywhere" : "ended all other sessions")));
      return epoch;
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<ApiKey>> add_api_key(Principal principal, NewApiKey made) override {
    ApiKey key;
    key.id = context_.ids.next();
    key.name = clean_text(std::move(made.name));
    key.prefix = clean_text(std::move(made.prefix));
    key.created_at = context_.clock.unix_now();
    key.scopes = made.scopes;
    key.expires_at = made.expires_at;
    key.cidrs = std::move(made.cidrs);
    const std::string scopes = to_string(key.scopes);
    const std::string cidrs = fmt::format("{}", fmt::join(key.cidrs, " "));
    auto work = [&](Connection& db) -> Result<ApiKey> {
      auto number = [](const Row& row) { return row.integer(0); };
      LB_TRY(count, db.one("SELECT COUNT(*) FROM api_keys WHERE user_id = $1 AND revoked_at IS NULL", number,
                           principal.user_id));
      if (count.value_or(0) >= kApiKeysOfUser) {
        return {
            Code::resource_exhausted,
            fmt::format("You have {} API keys, which is as many as one may have: revoke some first.", kApiKeysOfUser)};
      }
      LB_CHECK(
          db.execute("INSERT INTO api_keys (id, key_hash, workspace_id, user_id, name, prefix, created_at, scopes, "
                     "expires_at, cidrs) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                     key.id, made.hash, principal.workspace_id, principal.user_id, key.name, key.prefix, key.created_at,
                     scopes, key.expires_at, cidrs));
      LB_CHECK(
          append_audit(db, context_.audit, event_of(AuditKind::api_key, principal, key.id, "made, for " + scopes)));
      return key;
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<std::vector<ApiKey>>> list_api_keys(Principal principal) override {
    auto work = [&](Connection& db) {
      return db.all("SELECT " LB_API_KEY_COLUMNS
                    " FROM api_keys k WHERE k.workspace_id = $1 AND k.user_id = $2 AND k.revoked_at IS NULL "
                    "ORDER BY k.id",
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
      return append_audit(db, context_.audit, event_of(AuditKind::api_key, principal, id, "revoked"));
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<FoundApiKey>> find_api_key(std::string key_hash, std::string wanted) override {
    const UnixMillis now = context_.clock.unix_now();
    auto find = [&](Connection& db) -> Result<FoundApiKey> {
      auto map = [](const Row& row) -> Result<FoundApiKey> {
        LB_TRY(role, role_of(row.text(10)));
        return FoundApiKey{api_key_row(row), Principal{row.string(8), row.string(9), role, row.string(0)}};
      };
      LB_TRY(key, db.one("SELECT " LB_API_KEY_COLUMNS
                         ", k.user_id, k.workspace_id, m.role FROM api_keys k JOIN users u ON u.id = k.user_id "
                         "JOIN workspace_members m ON m.workspace_id = k.workspace_id AND m.user_id = k.user_id "
                         "WHERE k.key_hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR "
                         "k.expires_at > $2) AND u.disabled_at IS NULL",
                         map, key_hash, now));
      if (!key) return {Code::unauthenticated, "This API key is unknown, expired or revoked: make a new one."};
      return *std::move(key);
    };
    Result<FoundApiKey> found = co_await context_.database.read(kService, find);
    if (!found) co_return found.error();
    if (!wanted.empty() && wanted != found->principal.workspace_id) {
      co_return make_error(Code::permission_denied,
                           "This API key belongs to another workspace: make one in the workspace you mean.");
    }
    if (!found->key.last_used_at || *found->key.last_used_at + kUseNotedEvery <= now) {
      auto note = [&](Connection& db) -> Status {
        LB_CHECK(db.execute("UPDATE api_keys SET last_used_at = $2 WHERE id = $1", found->key.id, now));
        return Ok{};
      };
      // A note that could not be written must not lock anybody out.
      (void)co_await context_.database.write(kService, note, Durability::ordered);
    }
    co_return found;
  }

 private:
  Task<Result<Session>> find(std::string_view sql, std::string key, std::string wanted, Millis idle) {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<Session> {
      LB_TRY(session, db.one(sql, session_row, key, now, now - idle.count(), wanted));
      if (session) return *std::move(session);
      if (wanted.empty()) return no_session();
      LB_TRY(elsewhere, db.one(sql, session_row, key, now, now - idle.count(), ""));
      return elsewhere ? no_member() : no_session();
    };
    Result<Session> found = co_await context_.database.read(kService, work);
    if (found && found->last_used_at + kUseNotedEvery <= now) {
      auto note = [&](Connection& db) -> Status {
        LB_CHECK(db.execute("UPDATE sessions SET last_used_at = $2 WHERE id = $1", found->id, now));
        return Ok{};
      };
      (void)co_await context_.database.write(kService, note, Durability::ordered);
    }
    co_return found;
  }

  // Whether the account has sessions, and none with this browser from this network.
  static Result<bool> is_new_device(Connection& db, const NewSession& made, const std::string& agent) {
    const std::string network = policy::address_block(made.address);
    auto same = [&](const Row& row) { return row.text(1) == agent && policy::address_block(row.text(0)) == network; };
    LB_TRY(devices, db.all("SELECT address, user_agent FROM sessions WHERE user_id = $1", same, made.user_id));
    return !devices.empty() && std::ranges::none_of(devices, std::identity());
  }

  Result<Session> insert_session(Connection& db, const NewSession& made, const std::string& id, UnixMillis now) {
    LB_CHECK(db.execute("DELETE FROM sessions WHERE expires_at <= $1", now));
    // Whoever signs in again and again pushes out what was not used for longest.
    LB_CHECK(
        db.execute("DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE user_id = $1 ORDER BY "
                   "last_used_at DESC, id DESC LIMIT 1000 OFFSET $2)",
                   made.user_id, kSessionsOfUser - 1));
    const Param hash = made.hash.empty() ? Param(nullptr) : Param(std::string_view(made.hash));
    const std::string agent = clean_text(std::string(made.user_agent.substr(0, kLongestAgent)));
    LB_TRY(new_device, is_new_device(db, made, agent));
    auto number = [](const Row& row) { return row.integer(0); };
    LB_TRY(epoch, db.one("SELECT epoch FROM users WHERE id = $1 AND disabled_at IS NULL", number, made.user_id));
    if (!epoch) return {Code::unauthenticated, "This account is disabled: ask the operator of this server."};
    LB_CHECK(
        db.execute("INSERT INTO sessions (id, session_hash, user_id, workspace_id, epoch, address, user_agent, "
                   "created_at, last_used_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)",
                   id, hash, made.user_id, made.workspace_id, *epoch, made.address, agent, now, made.expires_at));
    LB_TRY(session, db.one(LB_LIVE_SESSION("s.id = $1"), session_row, id, now, now - 1, ""));
    if (!session) {
      return {Code::unauthenticated, "This account is in no workspace: ask somebody for an invitation."};
    }
    LB_CHECK(
        append_audit(db, context_.audit,
                     event_of(AuditKind::session, session->principal, id,
                              fmt::format("signed in from {}", made.address.empty() ? "this machine" : made.address))));
    session->new_device = new_device;
    return *std::move(session);
  }

  Context context_;
};

}  // namespace

std::unique_ptr<CredentialStore> make_credential_store(Context context) {
  return std::make_unique<SqlCredentialStore>(context);
}

}  // namespace librebird::storage
