#include "account_rows.hpp"
#include "audit_chain.hpp"
#include "factories.hpp"
#include "rows.hpp"
#include "sign_in_attempts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace librebird::storage {
namespace {

constexpr std::string_view kTokenKey = "access_tokens";

Error no_token() {
  return make_error(Code::unauthenticated, "This link or ticket is unknown, used or expired: ask for a new one.");
}

std::string_view name_of(TokenPurpose purpose) {
  switch (purpose) {
    case TokenPurpose::sign_in: return "sign_in";
    case TokenPurpose::reset_password: return "reset_password";
    case TokenPurpose::verify_email: return "verify_email";
    case TokenPurpose::second_factor: return "second_factor";
  }
  return "";
}

Status changed(Result<std::int64_t> rows) {
  LB_CHECK(rows);
  if (*rows == 0) return not_found("account");
  return Ok{};
}

class SqlAccountStore final : public AccountStore {
 public:
  explicit SqlAccountStore(Context context) : context_(context) {}

  Task<Result<SignInAccount>> create(NewAccount account) override {
    account.display_name = clean_text(std::move(account.display_name));
    const FreshIds ids{context_.ids.next(), context_.ids.next()};
    auto work = [&](Connection& db) { return insert_account(db, context_.audit, account, ids); };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<SignInAccount>> get(std::string user_id) override {
    auto work = [&](Connection& db) { return account_of(db, user_id); };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<std::optional<SignInAccount>>> find_by_email(std::string email) override {
    auto work = [&](Connection& db) { return account_with(db, email); };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<std::vector<Account>>> list(std::string after, int limit) override {
    auto work = [&](Connection& db) {
      return db.all("SELECT " LB_ACCOUNT_COLUMNS " FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT $2", account_row,
                    after, std::clamp(limit, 1, 1000));
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<std::vector<WorkspaceRole>>> memberships(std::string user_id) override {
    auto work = [&](Connection& db) { return memberships_of(db, user_id); };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Status> remove(std::string user_id) override {
    auto work = [&](Connection& db) -> Status {
      return changed(
          db.execute("DELETE FROM users WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM workspace_members m "
                     "WHERE m.user_id = $1)",
                     user_id));
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Status> set_display_name(Principal principal, std::string name) override {
    const std::string clean = clean_text(std::move(name));
    auto work = [&](Connection& db) -> Status {
      return changed(db.execute("UPDATE users SET display_name = $2 WHERE id = $1", principal.user_id, clean));
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Status> set_email(Principal principal, std::string email) override {
    auto work = [&](Connection& db) -> Status {
      LB_TRY(other, account_with(db, email));
      if (other && other->account.user.id != principal.user_id) return email_taken();
      if (other) return Ok{};  // it is theirs already
      LB_CHECK(changed(
          db.execute("UPDATE users SET email = $2, email_verified_at = NULL WHERE id = $1", principal.user_id, email)));
      return log_account(db, context_.audit, principal, "e-mail address", "changed");
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<std::int64_t>> set_password(Principal principal, std::string hash, std::string keep) override {
    auto work = [&](Connection& db) -> Result<std::int64_t> {
      LB_CHECK(changed(db.execute("UPDATE users SET password_hash = $2 WHERE id = $1", principal.user_id, hash)));
      LB_TRY(epoch, raise_epoch(db, principal.user_id, keep));
      LB_CHECK(log_account(db, context_.audit, principal, "password", "changed"));
      return epoch;
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Status> rehash_password(std::string user_id, std::string before, std::string hash) override {
    auto work = [&](Connection& db) -> Status {
      LB_CHECK(db.execute("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2", user_id, before,
                          hash));
      return Ok{};
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Status> set_disabled(Principal principal, bool disabled) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Status {
      const Param at = disabled ? Param(now) : Param(nullptr);
      LB_CHECK(changed(db.execute("UPDATE users SET disabled_at = $2 WHERE id = $1", principal.user_id, at)));
      LB_CHECK(raise_epoch(db, principal.user_id, ""));
      return log_account(db, context_.audit, principal, "account", disabled ? "disabled" : "enabled");
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Status> add_token(NewAccountToken token) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Status {
      LB_CHECK(db.execute("DELETE FROM account_tokens WHERE expires_at <= $1", now));
      LB_CHECK(
          db.execute("INSERT INTO account_tokens (token_hash, purpose, user_id, email, created_at, expires_at) "
                     "VALUES ($1, $2, $3, $4, $5, $6)",
                     token.hash, name_of(token.purpose), token.user_id, token.email, now, token.expires_at));
      return Ok{};
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<SignInAccount>> find_token(TokenPurpose purpose, std::string hash) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<SignInAccount> {
      LB_TRY(row, db.one("SELECT " LB_ACCOUNT_COLUMNS
                         " FROM account_tokens t JOIN users u ON u.id = t.user_id WHERE t.token_hash = $1 AND "
                         "t.purpose = $2 AND t.used_at IS NULL AND t.expires_at > $3 AND u.disabled_at IS NULL AND "
                         "(t.email = '' OR t.email = u.email)",
                         sign_in_row, hash, name_of(purpose), now));
      if (!row) return no_token();
      return with_principal(db, *std::move(row));
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<SignInAccount>> use_token(TokenPurpose purpose, std::string hash) override {
    auto work = [&](Connection& db) { return use(db, purpose, hash); };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Status> begin_second_factor(Principal principal, std::string secret) override {
    auto work = [&](Connection& db) -> Status {
      LB_TRY(key, sealing_key(db, context_.audit));
      if (key.empty()) return no_master_key();
      LB_TRY(sealed, context_.audit.keys->seal(key, secret, place_of_totp(principal.user_id)));
      LB_TRY(rows, db.execute("UPDATE users SET totp_secret = $2, totp_last_step = 0 WHERE id = $1 AND totp_confirmed "
                              "= 0",
                              principal.user_id, sealed));
      if (rows == 0) {
        return {Code::failed_precondition,
                "A second factor is in force already: remove it before you set up another one."};
      }
      return Ok{};
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<SecondFactor>> second_factor(std::string user_id) override {
    auto work = [&](Connection& db) -> Result<SecondFactor> {
      auto map = [](const Row& row) {
        return SecondFactor{row.optional_string(0).value_or(""), row.integer(1) != 0, row.integer(2)};
      };
      LB_TRY(row, found(db.one("SELECT totp_secret, totp_confirmed, totp_last_step FROM users WHERE id = $1 AND "
                               "totp_secret IS NOT NULL",
                               map, user_id),
                        "second factor"));
      LB_TRY(key, sealing_key(db, context_.audit));
      if (key.empty()) return no_master_key();
      if (row.secret.empty()) {
        return {Code::failed_precondition,
                "The second factor's secret was lost with the master key: use a recovery code, or ask the operator."};
      }
      LB_TRY(plain, context_.audit.keys->unseal(row.secret, place_of_totp(user_id)));
      row.secret = std::move(plain);
      return row;
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<bool>> take_step(std::string user_id, std::int64_t step) override {
    auto work = [&](Connection& db) -> Result<bool> {
      LB_TRY(rows,
             db.execute("UPDATE users SET totp_last_step = $2 WHERE id = $1 AND totp_last_step < $2", user_id, step));
      return rows == 1;
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Status> confirm_second_factor(Principal principal, std::int64_t step,
                                     std::vector<std::string> recovery_hashes) override {
    auto work = [&](Connection& db) -> Status {
      LB_TRY(rows, db.execute("UPDATE users SET totp_confirmed = 1, totp_last_step = $2 WHERE id = $1 AND "
                              "totp_confirmed = 0 AND totp_secret IS NOT NULL",
                              principal.user_id, step));
      if (rows == 0) return {Code::failed_precondition, "There is no second factor to confirm: begin to set one up."};
      LB_CHECK(put_codes(db, principal.user_id, recovery_hashes));
      return log_account(db, context_.audit, principal, "second factor", "set up");
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Status> set_recovery_codes(Principal principal, std::vector<std::string> hashes) override {
    auto work = [&](Connection& db) -> Status {
      LB_CHECK(put_codes(db, principal.user_id, hashes));
      return log_account(db, context_.audit, principal, "recovery codes", "replaced");
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<bool>> use_recovery_code(Principal principal, std::string hash) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<bool> {
      LB_TRY(rows,
             db.execute("UPDATE recovery_codes SET used_at = $3 WHERE user_id = $1 AND code_hash = $2 AND used_at "
                        "IS NULL",
                        principal.user_id, hash, now));
      if (rows == 0) return false;
      LB_CHECK(log_account(db, context_.audit, principal, "recovery code", "used"));
      return true;
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Status> remove_second_factor(Principal principal) override {
    auto work = [&](Connection& db) -> Status {
      LB_CHECK(
          changed(db.execute("UPDATE users SET totp_secret = NULL, totp_confirmed = 0, totp_last_step = 0 WHERE id "
                             "= $1",
                             principal.user_id)));
      LB_CHECK(db.execute("DELETE FROM recovery_codes WHERE user_id = $1", principal.user_id));
      return log_account(db, context_.audit, principal, "second factor", "removed");
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<User>> find_or_link(ExternalIdentity identity, bool may_create) override {
    identity.display_name = clean_text(std::move(identity.display_name));
    const FreshIds ids{context_.ids.next(), context_.ids.next()};
    auto work = [&](Connection& db) { return link_identity(db, context_.audit, identity, may_create, ids); };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Status> begin_attempt(std::vector<AttemptLimit> limits) override {
    const UnixMillis now = context_.clock.unix_now();
    // Looks before it writes: whoever is shut out costs no write.
    auto look = [&](Connection& db) { return check_attempts(db, limits, now); };
    LB_CO_CHECK(co_await context_.database.read(kService, look));
    auto work = [&](Connection& db) { return count_attempts(db, limits, now); };
    co_return co_await context_.database.write(kService, work, Durability::ordered);
  }

  Task<Status> end_attempt(std::vector<AttemptLimit> limits) override {
    auto work = [&](Connection& db) { return forgive_attempts(db, limits); };
    co_return co_await context_.database.write(kService, work, Durability::ordered);
  }

  Task<Result<std::string>> token_key(std::string fresh) override {
    auto look = [&](Connection& db) { return kept_token_key(db); };
    LB_CO_TRY(kept, co_await context_.database.read(kService, look));
    if (kept) co_return *std::move(kept);
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<std::string> {
      LB_TRY(key, sealing_key(db, context_.audit));
      if (key.empty()) return no_master_key();
      LB_TRY(sealed, context_.audit.keys->seal(key, fresh, place_of_server_key(kTokenKey)));
      // Another process may have been faster.
      LB_CHECK(
          db.execute("INSERT INTO server_keys (name, value, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO "
                     "NOTHING",
                     kTokenKey, sealed, now));
      LB_TRY(made, found(kept_token_key(db), "key"));
      return made;
    };
    co_return co_await context_.database.write(kService, work);
  }

 private:
  static Error no_master_key() {
    return make_error(Code::failed_precondition,
                      "Second factors and access tokens need a master key, and this program was given none.");
  }

  Result<std::optional<std::string>> kept_token_key(Connection& db) {
    auto text = [](const Row& row) { return row.string(0); };
    LB_TRY(value, db.one("SELECT value FROM server_keys WHERE name = $1", text, kTokenKey));
    if (!value) return std::optional<std::string>();
    LB_TRY(key, sealing_key(db, context_.audit));
    if (key.empty()) return no_master_key();
    LB_TRY(plain, context_.audit.keys->unseal(*value, place_of_server_key(kTokenKey)));
    return std::optional<std::string>(std::move(plain));
  }

  Result<SignInAccount> use(Connection& db, TokenPurpose purpose, const std::string& hash) {
    const UnixMillis now = context_.clock.unix_now();
    auto whose = [](const Row& row) { return std::pair(row.string(0), row.string(1)); };
    LB_TRY(token, db.one("UPDATE account_tokens SET used_at = $3 WHERE token_hash = $1 AND purpose = $2 AND used_at IS "
                         "NULL AND expires_at > $3 RETURNING user_id, email",
                         whose, hash, name_of(purpose), now));
    if (!token) return no_token();
    LB_TRY(found, account_of(db, token->first));
    const Account& account = found.account;
    if (account.disabled_at || (!token->second.empty() && account.user.email != token->second)) return no_token();
    if (token->second.empty() || account.email_verified_at) return found;
    LB_CHECK(db.execute("UPDATE users SET email_verified_at = $2 WHERE id = $1", account.user.id, now));
    if (purpose == TokenPurpose::sign_in) {
      LB_CHECK(db.execute("UPDATE users SET password_hash = NULL WHERE id = $1", account.user.id));
      LB_CHECK(raise_epoch(db, account.user.id, ""));
    }
    LB_CHECK(log_account(db, context_.audit, found.principal, "e-mail address", "verified"));
    return account_of(db, token->first);
  }

  static Status put_codes(Connection& db, std::string_view user_id, const std::vector<std::string>& hashes) {
    LB_CHECK(db.execute("DELETE FROM recovery_codes WHERE user_id = $1", user_id));
    for (const std::string& hash : hashes) {
      LB_CHECK(db.execute("INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2)", user_id, hash));
    }
    return Ok{};
  }

  Context context_;
};

}  // namespace

std::unique_ptr<AccountStore> make_account_store(Context context) { return std::make_unique<SqlAccountStore>(context); }

}  // namespace librebird::storage
