// `librebird user …` and `librebird session …`: the operator's hand on accounts.
#include <librebird/cli/commands.hpp>

#include <librebird/base/json_writer.hpp>
#include <librebird/core/credentials/email.hpp>
#include <librebird/core/credentials/password.hpp>

#include <fmt/format.h>

#include "find_account.hpp"
#include "terminal.hpp"

namespace librebird::cli {
namespace {

constexpr Millis kAnyAge{3650LL * 24 * 3600 * 1000};

void print(const Account& account, bool json) {
  const auto time = [](const std::optional<UnixMillis>& at) { return at ? to_rfc3339(*at) : std::string(); };
  if (json) {
    JsonWriter line;
    line.begin_object().field("id", account.user.id).field("email", account.user.email);
    line.field("display_name", account.user.display_name).field("created_at", to_rfc3339(account.user.created_at));
    line.field("email_verified", account.email_verified_at.has_value());
    line.field("has_password", account.has_password).field("second_factor", account.second_factor);
    line.field("recovery_codes", account.recovery_codes);
    line.field("disabled", account.disabled_at.has_value()).end_object();
    fmt::print("{}\n", line.text());
    return;
  }
  fmt::print("{}  {:<30} {}{}{}{}  {}\n", account.user.id, printable(account.user.email.value_or("no e-mail address")),
             account.has_password ? "password" : "no password", account.second_factor ? ", second factor" : "",
             account.email_verified_at ? ", verified" : "",
             account.disabled_at ? ", disabled since " + time(account.disabled_at) : "",
             printable(account.user.display_name));
}

Task<Result<std::string>> new_password(Operator op, std::vector<std::string> personal) {
  LB_CO_TRY(password, read_secret("New password", 1024));
  LB_CO_TRY(normal, check_new_password(password, personal));
  PasswordHasher hasher(op.random, op.password_cost);
  co_return co_await hasher.hash(std::move(normal));
}

int ended(const Status& done, std::string_view said) {
  if (!done) return fail(done.error());
  fmt::print("{}\n", said);
  return 0;
}

}  // namespace

Task<Result<SignInAccount>> find_account(Operator op, std::string who) {
  std::optional<SignInAccount> found;
  if (is_uuid(who)) {
    LB_CO_TRY(by_id, co_await op.accounts.get(std::move(who)));
    found = std::move(by_id);
  } else {
    LB_CO_TRY(email, normal_email(who));
    LB_CO_TRY(by_email, co_await op.accounts.find_by_email(std::move(email)));
    found = std::move(by_email);
  }
  if (!found) {
    co_return make_error(Code::not_found, "There is no such account: `librebird user list` shows those there are.");
  }
  found->principal.credential_id = "operator";
  co_return *std::move(found);
}

Task<int> list_users(Operator op, bool json) {
  constexpr int kPage = 500;
  std::string after;
  for (;;) {
    const auto page = co_await op.accounts.list(after, kPage);
    if (!page) co_return fail(page.error());
    for (const Account& account : *page) print(account, json);
    if (page->size() < static_cast<std::size_t>(kPage)) co_return 0;
    after = page->back().user.id;
  }
}

Task<int> show_user(Operator op, std::string who, bool json) {
  const auto found = co_await find_account(op, std::move(who));
  if (!found) co_return fail(found.error());
  print(found->account, json);
  co_return 0;
}

Task<int> create_user(Operator op, std::string email, std::string name, bool with_password, bool json) {
  auto normal = normal_email(email);
  if (!normal) co_return fail(normal.error());
  NewAccount account;
  account.email = *normal;
  // Whoever runs this command vouches for the address.
  account.email_verified = true;
  account.display_name = name.empty() ? normal->substr(0, normal->find('@')) : std::move(name);
  if (with_password) {
    auto hash = co_await new_password(op, {*normal, account.display_name, "librebird"});
    if (!hash) co_return fail(hash.error());
    account.password_hash = *std::move(hash);
  }
  const auto made = co_await op.accounts.create(std::move(account));
  if (!made) co_return fail(made.error());
  print(made->account, json);
  co_return 0;
}

Task<int> set_user_password(Operator op, std::string who) {
  const auto found = co_await find_account(op, std::move(who));
  if (!found) co_return fail(found.error());
  const User& user = found->account.user;
  auto hash = co_await new_password(op, {user.email.value_or(""), user.display_name, "librebird"});
  if (!hash) co_return fail(hash.error());
  const auto done = co_await op.accounts.set_password(found->principal, *std::move(hash), "");
  if (!done) co_return fail(done.error());
  fmt::print("The password is set, and every session of this account has ended.\n");
  co_return 0;
}

Task<int> set_user_email(Operator op, std::string who, std::string email) {
  auto normal = normal_email(email);
  if (!normal) co_return fail(normal.error());
  const auto found = co_await find_account(op, std::move(who));
  if (!found) co_return fail(found.error());
  co_return ended(co_await op.accounts.set_email(found->principal, *std::move(normal)), "The e-mail address is set.");
}

Task<int> set_user_disabled(Operator op, std::string who, bool disabled) {
  const auto found = co_await find_account(op, std::move(who));
  if (!found) co_return fail(found.error());
  co_return ended(co_await op.accounts.set_disabled(found->principal, disabled),
                  disabled ? "The account is disabled; its sessions, tokens and keys are refused from now on."
                           : "The account is enabled; its owner signs in again.");
}

Task<int> reset_second_factor(Operator op, std::string who) {
  const auto found = co_await find_account(op, std::move(who));
  if (!found) co_return fail(found.error());
  co_return ended(co_await op.accounts.remove_second_factor(found->principal),
                  "The account signs in without a second factor until its owner sets one up again.");
}

Task<int> list_user_sessions(Operator op, std::string who, bool json) {
  const auto found = co_await find_account(op, std::move(who));
  if (!found) co_return fail(found.error());
  const auto sessions = co_await op.credentials.list_sessions(found->principal, kAnyAge);
  if (!sessions) co_return fail(sessions.error());
  for (const Session& session : *sessions) {
    if (json) {
      JsonWriter line;
      line.begin_object().field("id", session.id).field("kind", to_string(session.kind));
      line.field("address", session.address).field("user_agent", session.user_agent);
      line.field("created_at", to_rfc3339(session.created_at));
      line.field("last_used_at", to_rfc3339(session.last_used_at));
      line.field("expires_at", to_rfc3339(session.expires_at)).end_object();
      fmt::print("{}\n", line.text());
    } else {
      fmt::print("{}  {:<7}  from {:<15}  used {}  {}\n", session.id, to_string(session.kind), session.address,
                 to_rfc3339(session.last_used_at), printable(session.user_agent));
    }
  }
  co_return 0;
}

Task<int> end_user_sessions(Operator op, std::string who, std::string session) {
  const auto found = co_await find_account(op, std::move(who));
  if (!found) co_return fail(found.error());
  if (!session.empty()) {
    co_return ended(co_await op.credentials.delete_session(found->principal, std::move(session)),
                    "The session has ended.");
  }
  const auto done = co_await op.credentials.end_sessions(found->principal, "");
  if (!done) co_return fail(done.error());
  fmt::print("Every session of this account has ended.\n");
  co_return 0;
}

}  // namespace librebird::cli
