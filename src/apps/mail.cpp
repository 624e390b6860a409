#include "mail.hpp"

#include <fmt/format.h>

namespace librebird::apps {

Mail::Mail(Platform& platform, std::optional<net::smtp::MailSettings> settings) : none_(make_no_mailer()) {
  if (!settings) return;
  dialer_ = net::make_dialer(platform.loop, platform.blocking, platform.config.text("net.ca_file"));
  direct_ = net::smtp::make_smtp_mailer(*dialer_, platform.clock, platform.random, *std::move(settings));
  queue_ = std::make_unique<net::smtp::MailQueue>(platform.loop, *direct_, net::smtp::QueueOptions{});
}

Task<void> Mail::stop(Millis drain) {
  if (queue_) co_await queue_->stop(drain);
}

Result<std::unique_ptr<Mail>> make_mail(Platform& platform) {
  LB_TRY(settings, net::smtp::mail_settings(platform.config));
  return std::make_unique<Mail>(platform, std::move(settings));
}

namespace {

Error no_mail_server() {
  return make_error(Code::failed_precondition,
                    "No mail server is configured: set SMTP_URL (mail.url) and MAIL_FROM (mail.from).");
}

}  // namespace

Task<int> test_mail(Platform& platform, std::string address) {
  const auto mail = make_mail(platform);
  if (!mail) co_return cli::fail(mail.error());
  if ((*mail)->direct() == nullptr) co_return cli::fail(no_mail_server());
  MailMessage message;
  message.to = address;
  message.subject = "E-mail from Libre Bird works";
  message.text = "This is a test that the operator of a Libre Bird server asked for. Nothing is to be done.\n";
  const Status sent = co_await (*mail)->direct()->send(std::move(message));
  if (!sent) co_return cli::fail(sent.error());
  fmt::print("The mail server has taken a test message for {}.\n", address);
  co_return 0;
}

Task<Result<std::string>> check_mail(Platform& platform) {
  LB_CO_TRY(mail, make_mail(platform));
  if (mail->direct() == nullptr) {
    co_return std::string("no mail server is configured (SMTP_URL); give people their links from the command line");
  }
  LB_CO_CHECK(co_await mail->direct()->check());
  co_return std::string("the mail server is reached and lets us in");
}

}  // namespace librebird::apps
