#include "account_rows.hpp"

#include "rows.hpp"

namespace librebird::storage {

Account account_row(const Row& row) {
  Account account;
  account.user = User{row.string(0), row.optional_string(1), row.string(2), row.integer(3)};
  account.email_verified_at = row.optional_integer(4);
  account.disabled_at = row.optional_integer(5);
  account.has_password = !row.is_null(6);
  account.second_factor = row.integer(7) != 0;
  account.epoch = row.integer(8);
  account.recovery_codes = account.second_factor ? static_cast<int>(row.integer(9)) : 0;
  return account;
}

SignInAccount sign_in_row(const Row& row) { return {account_row(row), {}, row.optional_string(6).value_or("")}; }

Error email_taken() {
  return make_error(Code::already_exists, "This e-mail address belongs to another account: sign in to that one.");
}

Result<std::vector<WorkspaceRole>> memberships_of(Connection& db, std::string_view user_id) {
  auto membership = [](const Row& row) -> Result<WorkspaceRole> {
    const auto role = role_from_string(row.text(1));
    if (!role) return {Code::data_loss, "A stored role is unknown: restore the database from a backup."};
    return WorkspaceRole{row.string(0), *role};
  };
  return db.all("SELECT workspace_id, role FROM workspace_members WHERE user_id = $1 ORDER BY joined_at, workspace_id",
                membership, user_id);
}

// Adds the principal in the first workspace.
Result<SignInAccount> with_principal(Connection& db, SignInAccount found) {
  found.principal.user_id = found.account.user.id;
  LB_TRY(memberships, memberships_of(db, found.account.user.id));
  if (!memberships.empty()) {
    found.principal.workspace_id = memberships.front().workspace_id;
    found.principal.role = memberships.front().role;
  }
  return found;
}

Result<SignInAccount> account_of(Connection& db, std::string_view user_id) {
  LB_TRY(row,
         found(db.one("SELECT " LB_ACCOUNT_COLUMNS " FROM users u WHERE u.id = $1", sign_in_row, user_id), "account"));
  return with_principal(db, std::move(row));
}

Result<std::optional<SignInAccount>> account_with(Connection& db, std::string_view email) {
  LB_TRY(row, db.one("SELECT " LB_ACCOUNT_COLUMNS " FROM users u WHERE u.email = $1", sign_in_row, email));
  if (!row) return std::optional<SignInAccount>();
  LB_TRY(complete, with_principal(db, *std::move(row)));
  return std::optional<SignInAccount>(std::move(complete));
}

Status log_account(Connection& db, const AuditParts& parts, const Principal& principal, std::string subject,
                   std::string detail) {
  if (principal.workspace_id.empty()) return Ok{};
  AuditEvent event;
  event.kind = AuditKind::account;
  event.principal = principal;
  event.subject = std::move(subject);
  event.detail = std::move(detail);
  return append_audit(db, parts, event);
}

Result<SignInAccount> insert_account(Connection& db, const AuditParts& parts, const NewAccount& account,
                                     const FreshIds& ids) {
  const UnixMillis now = parts.clock.unix_now();
  if (account.email) {
    LB_TRY(other, account_with(db, *account.email));
    if (other) return email_taken();
  }
  const Param hash = account.password_hash.empty() ? Param(nullptr) : to_param(account.password_hash);
  const Param verified = account.email && account.email_verified ? Param(now) : Param(nullptr);
  LB_CHECK(
      db.execute("INSERT INTO users (id, email, display_name, created_at, password_hash, email_verified_at) VALUES "
                 "($1, $2, $3, $4, $5, $6)",
                 ids.user_id, account.email, account.display_name, now, hash, verified));
  if (account.own_workspace) {
    LB_CHECK(db.execute("INSERT INTO workspaces (id, name, owner_id, created_at) VALUES ($1, 'Home', $2, $3)",
                        ids.workspace_id, ids.user_id, now));
    LB_CHECK(
        db.execute("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) VALUES ($1, $2, "
                   "'owner', $3)",
                   ids.workspace_id, ids.user_id, now));
  }
  LB_TRY(made, account_of(db, ids.user_id));
  LB_CHECK(log_account(db, parts, made.principal, "account", "made"));
  return made;
}

Result<User> link_identity(Connection& db, const AuditParts& parts, const ExternalIdentity& identity, bool may_create,
                           const FreshIds& ids) {
  auto text = [](const Row& row) { return row.string(0); };
  LB_TRY(known, db.one("SELECT user_id FROM external_identities WHERE issuer = $1 AND subject = $2", text,
                       identity.issuer, identity.subject));
  std::optional<SignInAccount> account;
  if (known) {
    LB_TRY(linked, account_of(db, *known));
    account = std::move(linked);
  } else {
    const bool vouched = identity.email && identity.email_verified;
    std::optional<SignInAccount> same;
    if (vouched) {
      LB_TRY(with, account_with(db, *identity.email));
      same = std::move(with);
    }
    if (same && same->account.email_verified_at) {
      account = std::move(same);
    } else {
      if (!may_create) {
        return {Code::permission_denied, "Nobody here has this identity, and this server takes no new accounts."};
      }
      NewAccount fresh;
      if (vouched && !same) fresh.email = identity.email;
      fresh.email_verified = true;
      fresh.display_name = identity.display_name;
      LB_TRY(made, insert_account(db, parts, fresh, ids));
      account = std::move(made);
    }
    LB_CHECK(
        db.execute("INSERT INTO external_identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, "
                   "$4)",
                   identity.issuer, identity.subject, account->account.user.id, parts.clock.unix_now()));
    LB_CHECK(log_account(db, parts, account->principal, "external identity", "linked with " + identity.issuer));
  }
  if (account->account.disabled_at) {
    return {Code::permission_denied, "This account is disabled: ask the operator of this server."};
  }
  return account->account.user;
}

Result<std::int64_t> raise_epoch(Connection& db, std::string_view user_id, std::string_view keep) {
  auto number = [](const Row& row) { return row.integer(0); };
  LB_TRY(epoch,
         found(db.one("UPDATE users SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch", number, user_id), "account"));
  LB_CHECK(db.execute("DELETE FROM sessions WHERE user_id = $1 AND id <> $2", user_id, keep));
  LB_CHECK(db.execute("UPDATE sessions SET epoch = $2 WHERE user_id = $1", user_id, epoch));
  return epoch;
}

}  // namespace librebird::storage
