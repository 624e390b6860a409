#pragma once

// A message as bytes on the wire (RFC 5322, 2045-2047). Pure, any thread. Private.

#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/ports/mailer.hpp>

#include <string>
#include <string_view>

namespace librebird::net::smtp {

struct Envelope {
  std::string from;
  std::string from_name;
  UnixMillis date = 0;
  std::string id;        // of the message, without its angle brackets
  std::string boundary;  // between its parts
};

// An address as it may stand in a command and a header: nothing that could end either. invalid_argument otherwise.
[[nodiscard]] Status check_address(std::string_view address);
[[nodiscard]] bool is_ascii(std::string_view text);
// Lines end in CRLF, none is longer than 998 bytes, all are 7-bit but for addresses that are not ASCII.
[[nodiscard]] Result<std::string> format_message(const MailMessage& message, const Envelope& envelope);
// As DATA takes it: dots doubled at the beginnings of lines, and the dot that ends it.
[[nodiscard]] std::string dot_stuffed(std::string_view message);

// The pieces, for tests.
[[nodiscard]] std::string encoded_words(std::string_view text);   // RFC 2047, folded
[[nodiscard]] std::string quoted_printable(std::string_view text);
[[nodiscard]] std::string rfc5322_date(UnixMillis time);
[[nodiscard]] std::string base64(std::string_view bytes);

}  // namespace librebird::net::smtp
