#include "message.hpp"
#include "session.hpp"

#include <librebird/base/log.hpp>
#include <librebird/base/metrics.hpp>

#include <fmt/format.h>

namespace librebird::net::smtp {
namespace {

class DirectMailer final : public SmtpMailer {
 public:
  DirectMailer(Dialer& dialer, const Clock& clock, Random& random, MailSettings settings)
      : dialer_(dialer), clock_(clock), random_(random), settings_(std::move(settings)) {}

  [[nodiscard]] bool configured() const override { return true; }

  Task<Status> send(MailMessage message) override {
    Envelope envelope;
    envelope.from = settings_.from;
    envelope.from_name = settings_.from_name;
    envelope.date = clock_.unix_now();
    envelope.boundary = "=_" + random_token(random_, 18);  // no text has "=_" in quoted-printable
    envelope.id = random_token(random_, 18) + settings_.from.substr(settings_.from.rfind('@'));
    LB_CO_TRY(bytes, format_message(message, envelope));
    LB_CO_TRY(session, co_await connect());
    LB_CO_CHECK(co_await session->open());
    LB_CO_CHECK(co_await session->send(message.to, dot_stuffed(bytes)));
    co_await session->quit();
    co_return Ok{};
  }

  Task<Status> check() override {
    LB_CO_TRY(session, co_await connect());
    LB_CO_CHECK(co_await session->open());
    co_await session->quit();
    co_return Ok{};
  }

  void cancel() override { stop_.request_stop(); }

 private:
  Task<Result<std::unique_ptr<Session>>> connect() {
    LB_CO_TRY(connection,
              co_await dialer_.dial(settings_.host, settings_.port, stop_.get_token(), settings_.step_timeout));
    co_return std::make_unique<Session>(std::move(connection), settings_, stop_.get_token());
  }

  Dialer& dialer_;
  const Clock& clock_;
  Random& random_;
  const MailSettings settings_;
  std::stop_source stop_;
};

void count(const char* outcome) {
  metrics::counter("librebird_mails_total", "E-mails, by what became of them.", {{"outcome", outcome}}).add();
}

}  // namespace

std::unique_ptr<SmtpMailer> make_smtp_mailer(Dialer& dialer, const Clock& clock, Random& random,
                                             MailSettings settings) {
  return std::make_unique<DirectMailer>(dialer, clock, random, std::move(settings));
}

MailQueue::MailQueue(Loop& loop, SmtpMailer& direct, QueueOptions options)
    : direct_(direct), options_(std::move(options)), scope_(loop.executor()), changed_(loop.executor()) {}

Task<Status> MailQueue::send(MailMessage message) {
  // A message that can never be sent is refused while somebody listens.
  LB_CO_CHECK(check_address(message.to));
  if (scope_.token().stop_requested()) {
    co_return make_error(Code::unavailable, "The server stops; ask for the e-mail again in a moment.");
  }
  if (waiting_ >= options_.limit) {
    count("refused");
    co_return make_error(Code::resource_exhausted, "Too many e-mails wait to be sent; try again later.");
  }
  ++waiting_;
  scope_.spawn(deliver(std::move(message)), "mail");
  co_return Ok{};
}

// Waits for one of the connections; false when it is time to stop.
Task<bool> MailQueue::take_turn() {
  while (sending_ >= options_.at_once) {
    if (!co_await changed_.wait(scope_.token())) co_return false;
  }
  if (scope_.token().stop_requested()) co_return false;
  ++sending_;
  co_return true;
}

Task<void> MailQueue::deliver(MailMessage message) {
  for (std::size_t attempt = 0;; ++attempt) {
    if (!co_await take_turn()) break;
    const Status sent = co_await direct_.send(message);
    --sending_;
    changed_.notify_all();
    if (sent) {
      count("sent");
      break;
    }
    const bool again = sent.error().retryable && attempt < options_.delays.size();
    log::warn(again ? "an e-mail waits for another attempt" : "an e-mail could not be sent",
              {{"cause", sent.error().message}, {"attempt", static_cast<std::int64_t>(attempt + 1)}});
    if (!again) {
      count("failed");
      break;
    }
    if (!co_await sleep_for(options_.delays[attempt], scope_.token())) break;
  }
  --waiting_;
  changed_.notify_all();
}

Task<void> MailQueue::stop(Millis drain) {
  const auto end = std::chrono::steady_clock::now() + drain;
  while (sending_ > 0 && std::chrono::steady_clock::now() < end) {
    if (!co_await changed_.wait({}, end - std::chrono::steady_clock::now())) break;
  }
  if (waiting_ > 0) {
    log::warn("e-mails were not sent before the end", {{"messages", static_cast<std::int64_t>(waiting_)}});
  }
  scope_.cancel();
  direct_.cancel();
  changed_.notify_all();
  co_await scope_.join();
}

}  // namespace librebird::net::smtp
