#pragma once

// E-mail as configured: the server's queue, and the operator's commands. Wiring only. Loop only.

#include <librebird/net/smtp/smtp_mailer.hpp>

#include "platform.hpp"

namespace librebird::apps {

// Mail that waits in a queue and is sent in the background; without a mail server, what says so.
class Mail {
 public:
  Mail(Platform& platform, std::optional<net::smtp::MailSettings> settings);
  [[nodiscard]] Mailer& mailer() { return queue_ ? static_cast<Mailer&>(*queue_) : *none_; }
  // Null without a mail server: sends at once, once.
  [[nodiscard]] net::smtp::SmtpMailer* direct() { return direct_.get(); }
  Task<void> stop(Millis drain);

 private:
  std::unique_ptr<Mailer> none_;
  std::unique_ptr<net::Dialer> dialer_;
  std::unique_ptr<net::smtp::SmtpMailer> direct_;
  std::unique_ptr<net::smtp::MailQueue> queue_;
};

Result<std::unique_ptr<Mail>> make_mail(Platform& platform);

// `librebird mail test ADDRESS`.
Task<int> test_mail(Platform& platform, std::string address);
// For `doctor`: the server is reached and takes the password.
Task<Result<std::string>> check_mail(Platform& platform);

}  // namespace librebird::apps
