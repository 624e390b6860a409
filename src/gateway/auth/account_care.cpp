// Looking after an account one is signed in to.
#include <librebird/gateway/accounts.hpp>

#include <librebird/core/credentials/email.hpp>
#include <librebird/core/credentials/totp.hpp>

namespace librebird::gateway {
namespace {

std::vector<std::string> hashes_of(const std::vector<std::string>& codes) {
  std::vector<std::string> out;
  out.reserve(codes.size());
  for (const std::string& code : codes) out.push_back(recovery_hash(code));
  return out;
}

Error no_second_factor() {
  return make_error(Code::failed_precondition, "This account has no second factor: set one up first.");
}

}  // namespace

Task<Result<Account>> Accounts::account(Principal principal) {
  LB_CO_TRY(who, co_await store_.get(principal.user_id));
  co_return who.account;
}

Task<Status> Accounts::check_current(const SignInAccount& who, std::string current) {
  if (!who.account.has_password) co_return Ok{};
  auto counted = limits("current", who.account.user.id, "");
  LB_CO_CHECK(co_await store_.begin_attempt(counted));
  LB_CO_TRY(fits, co_await password_fits(std::move(current), who.password_hash));
  if (!fits) {
    note_refusal(who, "", "wrong current password");
    co_return make_error(Code::permission_denied, "The current password is wrong.");
  }
  co_return co_await store_.end_attempt(std::move(counted));
}

Task<Status> Accounts::change_password(Principal principal, std::string current, std::string password) {
  LB_CO_TRY(who, co_await store_.get(principal.user_id));
  LB_CO_CHECK(co_await check_current(who, std::move(current)));
  const std::vector<std::string> personal{who.account.user.email.value_or(""), who.account.user.display_name,
                                          options_.site};
  LB_CO_TRY(normal, check_new_password(password, personal));
  LB_CO_TRY(hash, co_await hasher_.hash(std::move(normal)));
  LB_CO_CHECK(co_await store_.set_password(principal, std::move(hash), principal.credential_id));
  co_return Ok{};
}

Task<Status> Accounts::change_email(Principal principal, std::string current, std::string email) {
  LB_CO_TRY(normal, normal_email(email));
  LB_CO_TRY(who, co_await store_.get(principal.user_id));
  LB_CO_CHECK(co_await check_current(who, std::move(current)));
  co_return co_await store_.set_email(std::move(principal), std::move(normal));
}

Task<Status> Accounts::prove(Principal principal, std::string current) {
  LB_CO_TRY(who, co_await store_.get(principal.user_id));
  if (who.password_hash.empty()) {
    co_return make_error(Code::failed_precondition, "This account has no password to prove it with: set one first.");
  }
  co_return co_await check_current(who, std::move(current));
}

Task<Result<SecondFactorSetup>> Accounts::begin_second_factor(Principal principal, std::string current) {
  LB_CO_TRY(who, co_await store_.get(principal.user_id));
  // Who took over a session must not be able to lock its owner out.
  LB_CO_CHECK(co_await check_current(who, std::move(current)));
  const std::string secret = new_totp_secret(random_);
  LB_CO_CHECK(co_await store_.begin_second_factor(principal, secret));
  const std::string name = who.account.user.email.value_or(who.account.user.display_name);
  co_return SecondFactorSetup{base32(secret), totp_uri(options_.site, name, secret)};
}

Task<Result<std::vector<std::string>>> Accounts::confirm_second_factor(Principal principal, std::string code) {
  LB_CO_TRY(factor, co_await store_.second_factor(principal.user_id));
  const auto step = totp_step(factor.secret, code, clock_.unix_now());
  if (!step) {
    co_return make_error(Code::invalid_argument,
                         "The code does not fit: see that the clocks of this server and of the device are right.");
  }
  auto codes = new_recovery_codes(random_);
  LB_CO_CHECK(co_await store_.confirm_second_factor(std::move(principal), *step, hashes_of(codes)));
  co_return codes;
}

Task<Result<std::vector<std::string>>> Accounts::renew_recovery_codes(Principal principal, std::string code) {
  LB_CO_TRY(who, co_await store_.get(principal.user_id));
  if (!who.account.second_factor) co_return no_second_factor();
  LB_CO_CHECK(co_await check_code(who, "", std::move(code)));
  auto codes = new_recovery_codes(random_);
  LB_CO_CHECK(co_await store_.set_recovery_codes(std::move(principal), hashes_of(codes)));
  co_return codes;
}

Task<Status> Accounts::remove_second_factor(Principal principal, std::string code) {
  LB_CO_TRY(who, co_await store_.get(principal.user_id));
  if (!who.account.second_factor) co_return no_second_factor();
  LB_CO_CHECK(co_await check_code(who, "", std::move(code)));
  co_return co_await store_.remove_second_factor(std::move(principal));
}

}  // namespace librebird::gateway
