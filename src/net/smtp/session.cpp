#include "session.hpp"

#include "message.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace librebird::net::smtp {
namespace {

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'a' && c <= 'z' ? char(c - 32) : c; });
  return text;
}

// What this machine calls itself, if a server could take that for a name.
std::string own_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  const std::string text(name.data());
  const bool fine = !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  return fine ? text : "localhost";
}

}  // namespace

Error Session::refusal(const Reply& reply, const std::string& what) const {
  const std::string said = fmt::format("{}: the mail server refused {}: {}", settings_.host, what, reply.words());
  // 4xx passes (busy, greylisting); 5xx does not.
  if (reply.code < 500) return make_error(Code::unavailable, said);
  return make_error(Code::permission_denied, said);
}

Task<Result<Reply>> Session::reply(Millis limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    LB_CO_TRY(whole, reader_.next());
    if (whole) co_return *std::move(whole);
    const auto left = std::chrono::ceil<Millis>(end - std::chrono::steady_clock::now());
    LB_CO_TRY(bytes, co_await connection_->read(stop_, left));
    if (bytes.empty()) {
      co_return make_error(Code::unavailable, settings_.host + ": the mail server closed the connection.");
    }
    reader_.feed(bytes);
  }
}

Task<Result<Reply>> Session::command(std::string line) {
  LB_CO_CHECK(co_await connection_->write(line + "\r\n", stop_, settings_.step_timeout));
  co_return co_await reply(settings_.step_timeout);
}

Task<Status> Session::expect(std::string line, int kind, std::string what) {
  LB_CO_TRY(answer, co_await command(std::move(line)));
  if (answer.code / 100 != kind) co_return refusal(answer, what);
  co_return Ok{};
}

Task<Status> Session::hello() {
  LB_CO_TRY(answer, co_await command("EHLO " + own_name()));
  if (answer.code / 100 != 2) co_return refusal(answer, "our greeting");
  offers_.clear();
  mechanisms_.clear();
  for (std::size_t i = 1; i < answer.lines.size(); ++i) {
    std::istringstream words(upper(answer.lines[i]));
    std::string keyword;
    words >> keyword;
    offers_.insert(keyword);
    if (keyword != "AUTH") continue;
    for (std::string mechanism; words >> mechanism;) mechanisms_.insert(mechanism);
  }
  co_return Ok{};
}

Task<Status> Session::secure() {
  if (!offers_.contains("STARTTLS")) {
    co_return make_error(Code::failed_precondition,
                         settings_.host +
                             ": the mail server offers no encryption (STARTTLS), or somebody on the way "
                             "hides that it does: nothing was sent. Use smtps:// if it takes TLS from the "
                             "start; smtp+insecure:// sends everything, passwords too, in the clear.");
  }
  LB_CO_CHECK(co_await expect("STARTTLS", 2, "to begin encryption"));
  // What came in the clear after that answer could be anybody's.
  if (!reader_.empty()) {
    co_return make_error(Code::unavailable, settings_.host + ": something was slipped in before encryption began.");
  }
  LB_CO_CHECK(co_await connection_->start_tls(stop_, settings_.step_timeout));
  co_return co_await hello();
}

Task<Status> Session::sign_in() {
  const std::string what = "the sign-in (user and password in mail.url)";
  if (mechanisms_.contains("PLAIN")) {
    const std::string proof = std::string(1, '\0') + settings_.user + std::string(1, '\0') + settings_.password;
    co_return co_await expect("AUTH PLAIN " + base64(proof), 2, what);
  }
  if (mechanisms_.contains("LOGIN")) {
    LB_CO_CHECK(co_await expect("AUTH LOGIN", 3, what));
    LB_CO_CHECK(co_await expect(base64(settings_.user), 3, what));
    co_return co_await expect(base64(settings_.password), 2, what);
  }
  co_return make_error(Code::failed_precondition,
                       settings_.host +
                           ": the mail server takes no password (AUTH PLAIN or LOGIN): leave user and "
                           "password out of mail.url, or use another port.");
}

Task<Status> Session::open() {
  if (settings_.security == Security::implicit) {
    LB_CO_CHECK(co_await connection_->start_tls(stop_, settings_.step_timeout));
  }
  LB_CO_TRY(greeting, co_await reply(settings_.step_timeout));
  if (greeting.code / 100 != 2) co_return refusal(greeting, "the connection");
  LB_CO_CHECK(co_await hello());
  if (settings_.security == Security::starttls) LB_CO_CHECK(co_await secure());
  if (!settings_.user.empty()) LB_CO_CHECK(co_await sign_in());
  co_return Ok{};
}

Task<Status> Session::send(std::string to, std::string message) {
  const bool international = !is_ascii(to) || !is_ascii(settings_.from);
  if (international && !offers_.contains("SMTPUTF8")) {
    co_return make_error(Code::permission_denied,
                         settings_.host + ": the mail server takes no addresses beyond ASCII (SMTPUTF8).");
  }
  LB_CO_CHECK(co_await expect(fmt::format("MAIL FROM:<{}>{}", settings_.from, international ? " SMTPUTF8" : ""), 2,
                              "the sender (mail.from)"));
  LB_CO_CHECK(co_await expect(fmt::format("RCPT TO:<{}>", to), 2, "the recipient"));
  LB_CO_TRY(go_on, co_await command("DATA"));
  if (go_on.code != 354) co_return refusal(go_on, "the message");
  LB_CO_CHECK(co_await connection_->write(std::move(message), stop_, settings_.data_timeout));
  LB_CO_TRY(taken, co_await reply(settings_.data_timeout));
  if (taken.code / 100 != 2) co_return refusal(taken, "the message");
  co_return Ok{};
}

Task<void> Session::quit() { (void)co_await command("QUIT"); }

}  // namespace librebird::net::smtp
