// Signing up, and what goes by e-mail.
#include <librebird/gateway/accounts.hpp>

#include <librebird/base/log.hpp>
#include <librebird/core/credentials/email.hpp>
#include <librebird/core/credentials/invite.hpp>
#include <librebird/core/policy/address.hpp>
#include <librebird/gateway/letters.hpp>

#include <fmt/format.h>

namespace librebird::gateway {
namespace {

constexpr Millis kLinkLifetime{15 * 60 * 1000};
// Messages to one address, and at the wish of one visitor, before it is enough for a while.
constexpr int kMessages = 3;
constexpr int kMessagesOfVisitor = 20;
constexpr Millis kPause{15 * 60 * 1000};
constexpr std::size_t kLongestAgent = 200;

MailMessage message_of(TokenPurpose purpose, const AccountOptions& options, std::string to, std::string_view token) {
  const Letter letter = purpose == TokenPurpose::sign_in          ? Letter::sign_in
                        : purpose == TokenPurpose::reset_password ? Letter::reset_password
                                                                  : Letter::verify_email;
  const std::string_view page = letter == Letter::sign_in          ? "sign-in"
                                : letter == Letter::reset_password ? "reset-password"
                                                                   : "verify-email";
  LetterWords words;
  words.site = options.site;
  // In the fragment, which browsers send to no server and no log keeps.
  words.link = fmt::format("{}/{}#token={}", options.public_url, page, token);
  return write_letter(letter, std::move(to), words);
}

}  // namespace

Task<Status> Accounts::check_invitation(std::string invitation) {
  if (invitation.empty()) {
    if (options_.registration == Registration::open) co_return Ok{};
    co_return make_error(Code::permission_denied, "This server takes new accounts by invitation only: ask for one.");
  }
  if (!options_.invitations) {
    co_return make_error(Code::not_found, "This invitation is unknown, used or expired: ask for a new one.");
  }
  co_return co_await options_.invitations->check(sha256_hex(invitation));
}

Task<Status> Accounts::join(const SignInAccount& who, std::string invitation) {
  if (invitation.empty()) co_return Ok{};
  Status joined = co_await options_.invitations->accept(sha256_hex(invitation), who.account.user.id);
  // Without it there is no account: as if it had not been tried.
  if (!joined) (void)co_await store_.remove(who.account.user.id);
  co_return joined;
}

Task<Result<bool>> Accounts::sign_up(std::string address, std::string email, std::string password,
                                     std::string display_name, std::string invitation) {
  if (options_.registration == Registration::closed) {
    co_return make_error(Code::permission_denied, "This server takes no new accounts: its operator makes them.");
  }
  // Before anything is said about the address: only who is invited may learn that it is taken.
  LB_CO_CHECK(co_await check_invitation(invitation));
  LB_CO_TRY(normal, normal_email(email));
  const std::vector<std::string> personal{normal, display_name, options_.site};
  LB_CO_TRY(checked, check_new_password(password, personal));
  // Nothing to guess here, but much work: counted by visitor alone.
  std::vector<AttemptLimit> counted{{.subject = "sign-up:" + policy::address_block(address),
                                     .free = kMessagesOfVisitor,
                                     .first = kPause,
                                     .most = kPause}};
  LB_CO_CHECK(co_await store_.begin_attempt(std::move(counted)));
  NewAccount fresh;
  fresh.email = normal;
  fresh.display_name = std::move(display_name);
  fresh.own_workspace = invitation.empty();
  LB_CO_TRY(hash, co_await hasher_.hash(std::move(checked)));
  fresh.password_hash = std::move(hash);
  const bool by_mail = invitation.empty() && sends_mail();
  auto made = co_await store_.create(std::move(fresh));
  if (!made) {
    if (made.error().code != Code::already_exists || !by_mail) co_return made.error();
    background_.spawn(mail_about_account(normal), "mail");
    co_return false;
  }
  LB_CO_CHECK(co_await join(*made, std::move(invitation)));
  if (!by_mail) co_return true;
  background_.spawn(mail(normal, TokenPurpose::verify_email), "mail");
  co_return false;
}

Task<Status> Accounts::mail_link(std::string address, std::string email, TokenPurpose purpose) {
  if (!sends_mail()) {
    co_return make_error(Code::failed_precondition,
                         "This server sends no e-mail: its operator configures a mail server and server.public_url.");
  }
  LB_CO_TRY(normal, normal_email(email));
  std::vector<AttemptLimit> counted{
      {.subject = "mail:" + sha256_hex(normal).substr(0, 32), .free = kMessages, .first = kPause, .most = kPause}};
  if (!address.empty()) {
    counted.push_back({.subject = "mail-by:" + policy::address_block(address),
                       .free = kMessagesOfVisitor,
                       .first = kPause,
                       .most = kPause});
  }
  LB_CO_CHECK(co_await store_.begin_attempt(std::move(counted)));
  background_.spawn(mail(std::move(normal), purpose), "mail");
  co_return Ok{};
}

Task<void> Accounts::mail(std::string email, TokenPurpose purpose) {
  const auto found = co_await store_.find_by_email(email);
  if (!found || !*found || (*found)->account.disabled_at) co_return;
  const std::string secret = random_token(random_);
  NewAccountToken token;
  token.purpose = purpose;
  token.user_id = (*found)->account.user.id;
  token.email = email;
  token.hash = sha256_hex(secret);
  token.expires_at = clock_.unix_now() + kLinkLifetime.count();
  if (const Status done = co_await store_.add_token(std::move(token)); !done) {
    log::warn("a link to be mailed could not be kept", {{"error", done.error().message}});
    co_return;
  }
  co_await send(message_of(purpose, options_, std::move(email), secret));
}

Task<void> Accounts::send(MailMessage message) {
  if (const Status done = co_await mailer_.send(std::move(message)); !done) {
    log::warn("an e-mail could not be sent", {{"error", done.error().message}});
  }
}

Task<void> Accounts::mail_about_account(std::string email) {
  LetterWords words;
  words.site = options_.site;
  words.link = options_.public_url + "/sign-in";
  co_await send(write_letter(Letter::account_exists, std::move(email), words));
}

Task<Status> Accounts::mail_invitation(Principal inviter, Invitation invitation, std::string token) {
  LB_CO_TRY(normal, normal_email(invitation.email.value_or("")));
  std::vector<AttemptLimit> counted{
      {.subject = "invited:" + sha256_hex(normal).substr(0, 32), .free = kMessages, .first = kPause, .most = kPause},
      {.subject = "invites:" + inviter.user_id, .free = kMessagesOfVisitor, .first = kPause, .most = kPause}};
  LB_CO_CHECK(co_await store_.begin_attempt(std::move(counted)));
  LetterWords words;
  words.site = options_.site;
  words.link = invitation_link(options_.public_url, token);
  words.who = invitation.invited_by;
  words.what = invitation.workspace_name;
  background_.spawn(send(write_letter(Letter::invitation, std::move(normal), words)), "mail");
  co_return Ok{};
}

void Accounts::tell_of_new_device(const Session& opened) {
  if (!opened.new_device || !sends_mail()) return;
  std::string from = opened.address.empty() ? "this machine" : opened.address;
  if (!opened.user_agent.empty()) from += fmt::format(", {}", opened.user_agent.substr(0, kLongestAgent));
  background_.spawn(mail_about_device(opened.principal.user_id, std::move(from)), "mail");
}

Task<void> Accounts::mail_about_device(std::string user_id, std::string from) {
  const auto who = co_await store_.get(user_id);
  if (!who || !who->account.user.email) co_return;
  std::vector<AttemptLimit> counted{
      {.subject = "new-device:" + user_id, .free = kMessages, .first = kPause, .most = kPause}};
  const Status counts = co_await store_.begin_attempt(std::move(counted));
  if (!counts) co_return;
  LetterWords words;
  words.site = options_.site;
  words.link = options_.public_url + "/";
  words.what = std::move(from);
  co_await send(write_letter(Letter::new_device, *who->account.user.email, words));
}

Task<Status> Accounts::mail_verification(Principal principal) {
  LB_CO_TRY(who, co_await store_.get(principal.user_id));
  if (!who.account.user.email) {
    co_return make_error(Code::failed_precondition, "This account has no e-mail address: set one first.");
  }
  if (who.account.email_verified_at) co_return Ok{};
  co_return co_await mail_link("", *who.account.user.email, TokenPurpose::verify_email);
}

Task<Status> Accounts::verify_email(std::string token) {
  LB_CO_CHECK(co_await store_.use_token(TokenPurpose::verify_email, sha256_hex(token)));
  co_return Ok{};
}

Task<Status> Accounts::reset_password(std::string token, std::string password) {
  const std::string hash = sha256_hex(token);
  // The password is looked at first: the link is not used up by one that is refused.
  LB_CO_TRY(who, co_await store_.find_token(TokenPurpose::reset_password, hash));
  const std::vector<std::string> personal{who.account.user.email.value_or(""), who.account.user.display_name,
                                          options_.site};
  LB_CO_TRY(normal, check_new_password(password, personal));
  LB_CO_TRY(made, co_await hasher_.hash(std::move(normal)));
  LB_CO_TRY(proved, co_await store_.use_token(TokenPurpose::reset_password, hash));
  LB_CO_CHECK(co_await store_.set_password(proved.principal, std::move(made), ""));
  co_return Ok{};
}

}  // namespace librebird::gateway
