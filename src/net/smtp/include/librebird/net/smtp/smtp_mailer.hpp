#pragma once

// E-mail over SMTP: the mailer that speaks to the configured server, and the queue in front of it.
//
//   LB_TRY(settings, smtp::mail_settings(config));
//   auto direct = smtp::make_smtp_mailer(dialer, clock, random, *settings);
//   smtp::MailQueue queue(loop, *direct, {});
//
// Thread rule: loop only. Ownership: both borrow what they are given.

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/config.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/ports/mailer.hpp>
#include <librebird/net/dialer.hpp>

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace librebird::net::smtp {

enum class Security {
  starttls,  // smtp://, port 587: TLS before anything else is said, or nothing is
  implicit,  // smtps://, port 465
  none,      // smtp+insecure://, port 25: for a relay on the same machine or network
};

struct MailSettings {
  std::string host;
  std::uint16_t port = 587;
  Security security = Security::starttls;
  std::string user;  // empty: no sign-in
  std::string password;
  std::string from;       // an address
  std::string from_name;  // may be empty
  Millis step_timeout{30'000};    // of one command
  Millis data_timeout{120'000};   // until the server has taken the message
};

[[nodiscard]] std::vector<ConfigKey> mail_config_keys();
// nullopt: no mail server is configured. invalid_argument: the key and the fix.
[[nodiscard]] Result<std::optional<MailSettings>> mail_settings(const Config& config);
// `url`: smtp://user:password@host:port; `from`: "Name <address>" or an address; empty: the user, if that is one.
[[nodiscard]] Result<MailSettings> parse_mail_settings(const std::string& url, const std::string& from);

class SmtpMailer : public Mailer {
 public:
  // Says hello and signs in, no more: for `doctor`.
  virtual Task<Status> check() = 0;
  // Ends what is being sent, and all that follows: the process stops.
  virtual void cancel() = 0;
};

// Sends each message over a connection of its own, once. Errors: unavailable (away, or "try again later"),
// deadline_exceeded, permission_denied (refused for good: sign-in, address, content), invalid_argument (the address or
// the subject is none).
std::unique_ptr<SmtpMailer> make_smtp_mailer(Dialer& dialer, const Clock& clock, Random& random, MailSettings settings);

struct QueueOptions {
  std::size_t limit = 256;     // messages that wait or are being sent
  std::size_t at_once = 4;     // connections
  // Between attempts; after the last one the message is given up. Greylisting wants some minutes; a link is good for
  // fifteen.
  std::vector<Millis> delays{Millis(15'000), Millis(60'000), Millis(180'000), Millis(300'000), Millis(300'000)};
};

// Takes messages and sends them in the background, again while the failure is one that passes. send() answers at once:
// resource_exhausted when the queue is full. What became of a message is logged and counted, without its text.
class MailQueue final : public Mailer {
 public:
  MailQueue(Loop& loop, SmtpMailer& direct, QueueOptions options);
  [[nodiscard]] bool configured() const override { return true; }
  Task<Status> send(MailMessage message) override;
  // Lets what is being sent end for `drain`, then gives up what is left, and says how many.
  Task<void> stop(Millis drain);
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

 private:
  Task<void> deliver(MailMessage message);
  Task<bool> take_turn();

  SmtpMailer& direct_;
  const QueueOptions options_;
  Scope scope_;
  Signal changed_;
  std::size_t waiting_ = 0;
  std::size_t sending_ = 0;
};

}  // namespace librebird::net::smtp
