#pragma once

// How people sign in and look after their accounts: passwords, mailed links, second factors, registration. It decides;
// AccountStore keeps, Authenticator opens the sessions.
//
// What it answers tells nobody which addresses have an account: unknown and known ones get the same words after the
// same work. Failures are counted by account and by address in the database, and close them for a while.
//
// Thread rule: loop only. Ownership: borrows its services; stop() before they go. Errors: unauthenticated (wrong, in
// one sentence for all reasons), resource_exhausted with retry_after (closed, or too many at this moment),
// invalid_argument, permission_denied, failed_precondition (no mail server).

#include <librebird/base/async/scope.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/credentials/password.hpp>
#include <librebird/core/model/workspace.hpp>
#include <librebird/core/ports/account_store.hpp>
#include <librebird/core/ports/audit_store.hpp>
#include <librebird/core/ports/credential_store.hpp>
#include <librebird/core/ports/mailer.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace librebird::gateway {

enum class Registration { invitation, open, closed };

[[nodiscard]] std::string_view to_string(Registration registration);

// What signing up needs of invitations; their own checks (address, age, use) are theirs.
struct InvitationGate {
  // not_found: unknown, used or expired.
  std::function<Task<Status>(std::string token_hash)> check;
  // Makes somebody who has just signed up a member.
  std::function<Task<Status>(std::string token_hash, std::string user_id)> accept;
};

struct AccountOptions {
  Registration registration = Registration::invitation;
  std::string public_url;  // where people reach this server, for links in e-mail; empty: none are sent
  std::string site = "Libre Bird";
  int attempts_of_account = 5;  // that may fail before it closes for a while
  int attempts_of_address = 50;
  std::optional<InvitationGate> invitations;
};

// What follows a first factor: signed in, or the ticket for the second one.
struct Proof {
  SignInAccount who;
  std::string ticket;  // empty: nothing more is needed
};

struct SecondFactorSetup {
  std::string secret;  // as it is typed into an app
  std::string uri;     // as a picture tells it to an app
};

class Accounts {
 public:
  Accounts(Loop& loop, const Clock& clock, Random& random, AccountStore& store, AuditStore& audit, Mailer& mailer,
           PasswordHasher& hasher, AccountOptions options);
  // Lets what runs in the background end.
  Task<void> stop();

  // `address`: of the visitor, for counting.
  Task<Result<Proof>> by_password(std::string address, std::string email, std::string password);
  Task<Result<Proof>> by_mailed_link(std::string token);
  // With a code of the app or a recovery code. The ticket is good once, for five minutes.
  Task<Result<SignInAccount>> by_second_factor(std::string address, std::string ticket, std::string code);
  // For other first factors (identity providers).
  Task<Result<Proof>> proved(SignInAccount who);
  // The claims of a token for this session, signed.
  Task<Result<std::string>> access_token(Session session, std::string key);

  // Answers true: signed up and may sign in; false: they must open the link in their mail first, which is also said
  // when the address has an account already.
  Task<Result<bool>> sign_up(std::string address, std::string email, std::string password, std::string display_name,
                             std::string invitation);
  // Mailed in the background, if there is such an account. failed_precondition: this server sends no mail.
  Task<Status> mail_link(std::string address, std::string email, TokenPurpose purpose);
  Task<Status> verify_email(std::string token);
  // Mails the link in the background. resource_exhausted: this person has invited many, or the address was often.
  Task<Status> mail_invitation(Principal inviter, Invitation invitation, std::string token);
  // Tells an account, in the background, if this session is of a device it does not know. Never fails.
  void tell_of_new_device(const Session& opened);
  // Ends every session.
  Task<Status> reset_password(std::string token, std::string password);

  Task<Result<Account>> account(Principal principal);
  // `current` may be absent only while the account has no password. Ends all sessions but the principal's.
  Task<Status> change_password(Principal principal, std::string current, std::string password);
  Task<Status> change_email(Principal principal, std::string current, std::string email);
  // That whoever is signed in is the person: by the password. failed_precondition: the account has none.
  Task<Status> prove(Principal principal, std::string current);
  Task<Status> mail_verification(Principal principal);
  // `current` as for change_password.
  Task<Result<SecondFactorSetup>> begin_second_factor(Principal principal, std::string current);
  // Answers the recovery codes, which are shown once.
  Task<Result<std::vector<std::string>>> confirm_second_factor(Principal principal, std::string code);
  Task<Result<std::vector<std::string>>> renew_recovery_codes(Principal principal, std::string code);
  Task<Status> remove_second_factor(Principal principal, std::string code);

  [[nodiscard]] const AccountOptions& options() const { return options_; }
  [[nodiscard]] bool sends_mail() const { return mailer_.configured() && !options_.public_url.empty(); }

 private:
  [[nodiscard]] std::vector<AttemptLimit> limits(const std::string& kind, const std::string& whom,
                                                 const std::string& address) const;
  Task<Result<bool>> password_fits(std::string password, std::string stored);
  // The same for somebody who is signed in; counted.
  Task<Status> check_current(const SignInAccount& who, std::string current);
  Task<Result<bool>> code_fits(const SignInAccount& who, std::string code);
  Task<Status> check_code(const SignInAccount& who, std::string address, std::string code);
  void note_refusal(const SignInAccount& who, const std::string& address, std::string_view why);
  Task<void> log_refusal(AuditEvent event);
  Task<void> rehash(std::string user_id, std::string before, std::string password);
  Task<void> mail(std::string email, TokenPurpose purpose);
  Task<void> mail_about_account(std::string email);
  Task<void> mail_about_device(std::string user_id, std::string from);
  Task<void> send(MailMessage message);
  Task<Status> check_invitation(std::string invitation);
  Task<Status> join(const SignInAccount& who, std::string invitation);

  const Clock& clock_;
  Random& random_;
  AccountStore& store_;
  AuditStore& audit_;
  Mailer& mailer_;
  PasswordHasher& hasher_;
  AccountOptions options_;
  Scope background_;
};

}  // namespace librebird::gateway
