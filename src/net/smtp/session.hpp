#pragma once

// One conversation with a mail server. Loop only; dies with the connection. Private.

#include "reply.hpp"

#include <librebird/net/smtp/smtp_mailer.hpp>

#include <set>

namespace librebird::net::smtp {

class Session {
 public:
  Session(std::unique_ptr<DialedConnection> connection, const MailSettings& settings, std::stop_token stop)
      : connection_(std::move(connection)), settings_(settings), stop_(std::move(stop)) {}

  // Greeting, hello, TLS, sign-in.
  Task<Status> open();
  // `message` is dot-stuffed.
  Task<Status> send(std::string to, std::string message);
  // Says good-bye; how that ends matters to nobody.
  Task<void> quit();

 private:
  Task<Result<Reply>> reply(Millis limit);
  Task<Result<Reply>> command(std::string line);
  // The same, and an answer of another kind (2: done, 3: go on) is an error that says what was being done.
  Task<Status> expect(std::string line, int kind, std::string what);
  Task<Status> hello();
  Task<Status> secure();
  Task<Status> sign_in();
  [[nodiscard]] Error refusal(const Reply& reply, const std::string& what) const;

  std::unique_ptr<DialedConnection> connection_;
  const MailSettings& settings_;
  std::stop_token stop_;
  ReplyReader reader_;
  std::set<std::string> offers_;      // what the server can, in upper case
  std::set<std::string> mechanisms_;  // to sign in with
};

}  // namespace librebird::net::smtp
