#pragma once

// The e-mails of this platform, as text and as simple HTML. Pure, any thread.
//
// A letter is a file in letters/: its first line is the subject, paragraphs follow; {{name}} is replaced, and a
// paragraph [words](address) is a link of its own. What is filled in is never markup: it is escaped in HTML, and of a
// subject's words only one line is left.

#include <librebird/core/ports/mailer.hpp>

#include <string>

namespace librebird::gateway {

enum class Letter { sign_in, reset_password, verify_email, invitation, new_device, account_exists };

struct LetterWords {
  std::string site = "Libre Bird";
  std::string link;  // https, or http on the machine itself
  std::string who;   // invitation: who invites
  std::string what;  // invitation: the workspace; new_device: where from
};

[[nodiscard]] MailMessage write_letter(Letter letter, std::string to, const LetterWords& words);

}  // namespace librebird::gateway
