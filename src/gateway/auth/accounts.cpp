// Signing in.
#include <librebird/gateway/accounts.hpp>

#include <librebird/base/log.hpp>
#include <librebird/base/metrics.hpp>
#include <librebird/core/credentials/email.hpp>
#include <librebird/core/credentials/jwt.hpp>
#include <librebird/core/credentials/totp.hpp>
#include <librebird/core/policy/address.hpp>

#include <fmt/format.h>

namespace librebird::gateway {
namespace {

constexpr Millis kTicketLifetime{5 * 60 * 1000};

Error wrong_password() { return make_error(Code::unauthenticated, "The e-mail address or the password is wrong."); }
Error wrong_code() {
  return make_error(Code::unauthenticated, "The code is wrong or was used before: wait for the next one.");
}
Error disabled() {
  return make_error(Code::permission_denied, "This account is disabled: ask the operator of this server.");
}

metrics::Counter& refusals() {
  static metrics::Counter& counter =
      metrics::counter("librebird_sign_ins_refused_total", "Passwords and codes that were wrong.");
  return counter;
}

}  // namespace

std::string_view to_string(Registration registration) {
  switch (registration) {
    case Registration::invitation: return "invitation";
    case Registration::open: return "open";
    case Registration::closed: return "closed";
  }
  return "";
}

Accounts::Accounts(Loop& loop, const Clock& clock, Random& random, AccountStore& store, AuditStore& audit,
                   Mailer& mailer, PasswordHasher& hasher, AccountOptions options)
    : clock_(clock),
      random_(random),
      store_(store),
      audit_(audit),
      mailer_(mailer),
      hasher_(hasher),
      options_(std::move(options)),
      background_(loop.executor()) {}

Task<void> Accounts::stop() {
  background_.cancel();
  co_await background_.join();
}

std::vector<AttemptLimit> Accounts::limits(const std::string& kind, const std::string& whom,
                                           const std::string& address) const {
  std::vector<AttemptLimit> out;
  out.push_back({.subject = kind + ":" + sha256_hex(whom).substr(0, 32), .free = options_.attempts_of_account});
  if (!address.empty()) {
    out.push_back({.subject = "address:" + policy::address_block(address),
                   .free = options_.attempts_of_address,
                   .forgive = false});
  }
  return out;
}

Task<Result<bool>> Accounts::password_fits(std::string password, std::string stored) {
  auto normal = normal_password(password);
  // What can be nobody's password takes as long as what could be somebody's.
  if (!normal) stored.clear();
  co_return co_await hasher_.verify(normal ? *std::move(normal) : std::string("none"), std::move(stored));
}

void Accounts::note_refusal(const SignInAccount& who, const std::string& address, std::string_view why) {
  refusals().add();
  if (who.principal.workspace_id.empty()) return;
  AuditEvent event;
  event.kind = AuditKind::session;
  event.principal = who.principal;
  event.subject = "sign-in";
  event.outcome = AuditOutcome::denied;
  event.detail = address.empty() ? std::string(why) : fmt::format("{}, from {}", why, address);
  // In the background: the answer must not take longer for an account that is there.
  background_.spawn(log_refusal(std::move(event)), "sign-in refusal");
}

Task<void> Accounts::log_refusal(AuditEvent event) {
  if (const Status done = co_await audit_.append(std::move(event)); !done) {
    log::warn("a refused sign-in could not be logged", {{"error", done.error().message}});
  }
}

Task<void> Accounts::rehash(std::string user_id, std::string before, std::string password) {
  auto hash = co_await hasher_.hash(std::move(password));
  if (hash) (void)co_await store_.rehash_password(std::move(user_id), std::move(before), *std::move(hash));
}

Task<Result<Proof>> Accounts::by_password(std::string address, std::string email, std::string password) {
  LB_CO_TRY(normal, normal_email(email));
  auto counted = limits("account", normal, address);
  LB_CO_CHECK(co_await store_.begin_attempt(counted));
  LB_CO_TRY(found, co_await store_.find_by_email(normal));
  const std::string stored = found ? found->password_hash : std::string();
  const auto fits = co_await password_fits(password, stored);
  if (!fits) {
    for (AttemptLimit& limit : counted) limit.forgive = false;  // nothing was tried
    (void)co_await store_.end_attempt(std::move(counted));
    co_return fits.error();
  }
  if (!*fits) {
    if (found) {
      note_refusal(*found, address, "wrong password");
    } else {
      refusals().add();
    }
    co_return wrong_password();
  }
  LB_CO_CHECK(co_await store_.end_attempt(std::move(counted)));
  if (found->account.disabled_at) {
    note_refusal(*found, address, "the account is disabled");
    co_return disabled();
  }
  if (!found->account.email_verified_at && options_.registration == Registration::open && sends_mail()) {
    LB_CO_CHECK(co_await mail_link(address, normal, TokenPurpose::verify_email));
    co_return make_error(Code::permission_denied,
                         "This e-mail address is not verified yet: open the link that was just mailed to you.");
  }
  if (hasher_.outdated(stored)) {
    background_.spawn(rehash(found->account.user.id, stored, *normal_password(password)), "rehash");
  }
  co_return co_await proved(*std::move(found));
}

Task<Result<Proof>> Accounts::by_mailed_link(std::string token) {
  LB_CO_TRY(who, co_await store_.use_token(TokenPurpose::sign_in, sha256_hex(token)));
  co_return co_await proved(std::move(who));
}

Task<Result<Proof>> Accounts::proved(SignInAccount who) {
  if (who.account.disabled_at) co_return disabled();
  Proof proof;
  if (who.account.second_factor) {
    proof.ticket = random_token(random_);
    NewAccountToken token;
    token.purpose = TokenPurpose::second_factor;
    token.user_id = who.account.user.id;
    token.hash = sha256_hex(proof.ticket);
    token.expires_at = clock_.unix_now() + kTicketLifetime.count();
    LB_CO_CHECK(co_await store_.add_token(std::move(token)));
  }
  proof.who = std::move(who);
  co_return proof;
}

Task<Result<bool>> Accounts::code_fits(const SignInAccount& who, std::string code) {
  if (const std::string hash = recovery_hash(code); !hash.empty()) {
    co_return co_await store_.use_recovery_code(who.principal, hash);
  }
  LB_CO_TRY(factor, co_await store_.second_factor(who.account.user.id));
  const auto step = totp_step(factor.secret, code, clock_.unix_now());
  if (!step) co_return false;
  co_return co_await store_.take_step(who.account.user.id, *step);
}

Task<Status> Accounts::check_code(const SignInAccount& who, std::string address, std::string code) {
  auto counted = limits("factor", who.account.user.id, address);
  LB_CO_CHECK(co_await store_.begin_attempt(counted));
  LB_CO_TRY(fits, co_await code_fits(who, std::move(code)));
  if (!fits) {
    note_refusal(who, address, "wrong code of the second factor");
    co_return wrong_code();
  }
  co_return co_await store_.end_attempt(std::move(counted));
}

Task<Result<SignInAccount>> Accounts::by_second_factor(std::string address, std::string ticket, std::string code) {
  const std::string hash = sha256_hex(ticket);
  LB_CO_TRY(who, co_await store_.find_token(TokenPurpose::second_factor, hash));
  LB_CO_CHECK(co_await check_code(who, std::move(address), std::move(code)));
  co_return co_await store_.use_token(TokenPurpose::second_factor, hash);
}

Task<Result<std::string>> Accounts::access_token(Session session, std::string key) {
  LB_CO_TRY(who, co_await store_.get(session.principal.user_id));
  LB_CO_TRY(workspaces, co_await store_.memberships(session.principal.user_id));
  TokenClaims claims;
  claims.user_id = session.principal.user_id;
  claims.email = who.account.user.email.value_or("");
  claims.workspaces = std::move(workspaces);
  claims.session_id = session.id;
  claims.epoch = session.epoch;
  claims.issued_at = clock_.unix_now() / 1000;
  // Not longer than its session.
  claims.expires_at = std::min(claims.issued_at + kTokenSeconds, session.expires_at / 1000);
  co_return sign_token(claims, key);
}

}  // namespace librebird::gateway
