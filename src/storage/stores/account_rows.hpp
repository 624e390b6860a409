#pragma once

// Accounts as rows, and the changes that take several statements. Private; what changes something runs inside a write
// transaction.

#include <librebird/core/audit/chain.hpp>
#include <librebird/core/ports/account_store.hpp>
#include <librebird/storage/sql/database.hpp>

#include "audit_chain.hpp"

#include <string>
#include <string_view>

// Of `users u`.
#define LB_ACCOUNT_COLUMNS                                                                                     \
  "u.id, u.email, u.display_name, u.created_at, u.email_verified_at, u.disabled_at, u.password_hash, "         \
  "u.totp_confirmed, u.epoch, (SELECT COUNT(*) FROM recovery_codes r WHERE r.user_id = u.id AND r.used_at IS " \
  "NULL)"

namespace librebird::storage {

struct FreshIds {
  std::string user_id;
  std::string workspace_id;
};

SignInAccount sign_in_row(const Row& row);  // of LB_ACCOUNT_COLUMNS; without its principal
Account account_row(const Row& row);
Result<std::vector<WorkspaceRole>> memberships_of(Connection& db, std::string_view user_id);
// Adds the principal in the first workspace.
Result<SignInAccount> with_principal(Connection& db, SignInAccount found);
Result<SignInAccount> account_of(Connection& db, std::string_view user_id);
Result<std::optional<SignInAccount>> account_with(Connection& db, std::string_view email);
Error email_taken();

// A row of the audit log; none while the principal is in no workspace.
Status log_account(Connection& db, const AuditParts& parts, const Principal& principal, std::string subject,
                   std::string detail);
Result<SignInAccount> insert_account(Connection& db, const AuditParts& parts, const NewAccount& account,
                                     const FreshIds& ids);
// AccountStore::find_or_link().
Result<User> link_identity(Connection& db, const AuditParts& parts, const ExternalIdentity& identity, bool may_create,
                           const FreshIds& ids);

// Ends every session of the user but `keep` (may be empty). Answers the new epoch; not_found: no such user.
Result<std::int64_t> raise_epoch(Connection& db, std::string_view user_id, std::string_view keep);

// What ties a sealed value to its row.
inline std::string place_of_totp(std::string_view user_id) {
  std::string text;
  append_netstring(text, "librebird-totp-v1");
  append_netstring(text, user_id);
  return text;
}
inline std::string place_of_server_key(std::string_view name) {
  std::string text;
  append_netstring(text, "librebird-server-key-v1");
  append_netstring(text, name);
  return text;
}

}  // namespace librebird::storage
