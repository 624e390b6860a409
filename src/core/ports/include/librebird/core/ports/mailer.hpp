#pragma once

// Port: sends one e-mail to one person. Whoever calls it has written the message; the implementation knows the server,
// the sender's address and how text becomes MIME.
//
// Thread rule: loop only. send() answers when the mail server has taken the message, or has not: it keeps nothing and
// tries once. Errors: failed_precondition (no mail server is configured), invalid_argument (the address is none),
// unavailable and deadline_exceeded (the server is away: retryable), permission_denied (it refuses us or the address).

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>

#include <memory>
#include <string>

namespace librebird {

struct MailMessage {
  std::string to;       // one address, without a name
  std::string subject;  // one line
  std::string text;     // UTF-8, any line ends
  std::string html;     // empty: plain text only
};

class Mailer {
 public:
  virtual ~Mailer() = default;
  // Whether there is a mail server to hand messages to. What needs one is then refused before it begins.
  [[nodiscard]] virtual bool configured() const = 0;
  virtual Task<Status> send(MailMessage message) = 0;
};

// For an installation without a mail server: every message fails and says so.
[[nodiscard]] std::unique_ptr<Mailer> make_no_mailer();

}  // namespace librebird
