#pragma once

// Port: accounts: who may sign in, and how they prove who they are. The rules of stores.hpp hold here too.
//
// Hashes come in made (core/credentials); the second factor's secret is sealed under the master key. An e-mail address
// is given as normal_email() makes it. Whoever calls decides what may be done: these calls act on the account they are
// told. Every change is a row of the audit log of the principal's workspace, written in the same transaction (none
// while the principal is in no workspace).

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/identity.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

struct NewAccount {
  std::optional<std::string> email;
  bool email_verified = false;
  std::string display_name;
  std::string password_hash;  // empty: signs in by other means
  bool own_workspace = true;  // makes one, of which the account is the owner; otherwise it is in none yet
};

// What checking a sign-in takes.
struct SignInAccount {
  Account account;
  Principal principal;        // in the first workspace; without one workspace_id is empty and the role guest
  std::string password_hash;  // empty: none
};

// Who an identity provider says somebody is.
struct ExternalIdentity {
  std::string issuer;
  std::string subject;
  std::optional<std::string> email;
  bool email_verified = false;
  std::string display_name;
};

enum class TokenPurpose {
  sign_in,         // a link that was mailed
  reset_password,  // a link that was mailed
  verify_email,    // a link that was mailed
  second_factor,   // the ticket between password and code
};

struct NewAccountToken {
  TokenPurpose purpose = TokenPurpose::sign_in;
  std::string user_id;
  std::string email;  // that it was mailed to: good only while it is the account's
  std::string hash;
  UnixMillis expires_at = 0;
};

struct SecondFactor {
  std::string secret;          // of the time-based codes
  bool confirmed = false;      // in force
  std::int64_t last_step = 0;  // of the last code that was taken
};

// How often something may fail. The n-th failure above `free` closes it for first * 2^(n-1), at most for `most`; a day
// without failures is forgotten.
struct AttemptLimit {
  std::string subject;  // "account:…", "address:…"
  int free = 5;
  Millis first{30'000};
  Millis most{15 * 60 * 1000};
  bool forgive = true;  // a success takes back all of it, not only the attempt that succeeded
};

class AccountStore {
 public:
  virtual ~AccountStore() = default;

  // already_exists: the address is another account's.
  virtual Task<Result<SignInAccount>> create(NewAccount account) = 0;
  virtual Task<Result<SignInAccount>> get(std::string user_id) = 0;
  virtual Task<Result<std::optional<SignInAccount>>> find_by_email(std::string email) = 0;
  // By id, after this one.
  virtual Task<Result<std::vector<Account>>> list(std::string after, int limit) = 0;
  virtual Task<Result<std::vector<WorkspaceRole>>> memberships(std::string user_id) = 0;
  // Unlinked accounts only: takes back a create() whose next step failed.
  virtual Task<Status> remove(std::string user_id) = 0;

  virtual Task<Status> set_display_name(Principal principal, std::string name) = 0;
  // A new address is not verified, and what was mailed to the old one is void. already_exists: another account's.
  virtual Task<Status> set_email(Principal principal, std::string email) = 0;
  // Ends every session but `keep` (empty: none). Answers the new epoch.
  virtual Task<Result<std::int64_t>> set_password(Principal principal, std::string hash, std::string keep) = 0;
  // The same password under a new cost: nothing ends. Only if `before` still stands.
  virtual Task<Status> rehash_password(std::string user_id, std::string before, std::string hash) = 0;
  // A disabled account's credentials are refused at their next use; enabling does not bring old sessions back.
  virtual Task<Status> set_disabled(Principal principal, bool disabled) = 0;

  virtual Task<Status> add_token(NewAccountToken token) = 0;
  // Whose it is, without using it up. unauthenticated: unknown, used, expired, or mailed to a former address.
  virtual Task<Result<SignInAccount>> find_token(TokenPurpose purpose, std::string hash) = 0;
  // Uses it up; of two at once one succeeds. What was mailed also verifies the address: if it was not verified before,
  // somebody else may have made this account, so their password and sessions end.
  virtual Task<Result<SignInAccount>> use_token(TokenPurpose purpose, std::string hash) = 0;

  // A secret that is not in force yet; replaces one that never was. failed_precondition: one is in force, or there is
  // no master key.
  virtual Task<Status> begin_second_factor(Principal principal, std::string secret) = 0;
  // not_found: none. failed_precondition, data_loss: it cannot be opened; recovery codes still can be used.
  virtual Task<Result<SecondFactor>> second_factor(std::string user_id) = 0;
  // Takes a code's step: false if it, or a later one, was taken before.
  virtual Task<Result<bool>> take_step(std::string user_id, std::int64_t step) = 0;
  // Puts it in force with these recovery codes.
  virtual Task<Status> confirm_second_factor(Principal principal, std::int64_t step,
                                             std::vector<std::string> recovery_hashes) = 0;
  virtual Task<Status> set_recovery_codes(Principal principal, std::vector<std::string> hashes) = 0;
  // False: unknown or used.
  virtual Task<Result<bool>> use_recovery_code(Principal principal, std::string hash) = 0;
  virtual Task<Status> remove_second_factor(Principal principal) = 0;

  // The account of this identity. If there is none yet: the account with the same address, if both sides have verified
  // it; else a new one, with the address only if it is verified and nobody's. permission_denied: it is disabled, or
  // `may_create` is false and there is none.
  virtual Task<Result<User>> find_or_link(ExternalIdentity identity, bool may_create) = 0;

  // Counts an attempt at each before it is made, so that many at once are not let through. resource_exhausted with
  // retry_after: closed; nothing is counted then.
  virtual Task<Status> begin_attempt(std::vector<AttemptLimit> limits) = 0;
  // It succeeded.
  virtual Task<Status> end_attempt(std::vector<AttemptLimit> limits) = 0;

  // The key that signs access tokens, made at the first call, kept sealed. failed_precondition: no master key.
  virtual Task<Result<std::string>> token_key(std::string fresh) = 0;
};

}  // namespace librebird
