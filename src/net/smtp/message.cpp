#include "message.hpp"

#include <librebird/base/utf8.hpp>

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <ctime>

namespace librebird::net::smtp {
namespace {

constexpr std::size_t kLongestAddress = 254;
constexpr std::size_t kLongestSubject = 500;
constexpr std::size_t kLongestText = 1024 * 1024;

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

bool is_plain_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ';
}

// A name before an address: as it is, or encoded.
std::string phrase(std::string_view name) {
  return std::ranges::all_of(name, is_plain_word) ? std::string(name) : encoded_words(name);
}

void append_part(std::string& out, std::string_view type, std::string_view text) {
  out += fmt::format("Content-Type: {}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", type);
  out += quoted_printable(text);
  if (!out.ends_with("\r\n")) out += "\r\n";
}

}  // namespace

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

Status check_address(std::string_view address) {
  const std::size_t at = address.rfind('@');
  const bool shaped = at != std::string_view::npos && at > 0 && at <= 64 && at + 1 < address.size() &&
                      address.size() <= kLongestAddress && address.find('@') == at && is_utf8(address);
  const bool safe = std::ranges::none_of(address, [](char c) {
    return is_control(c) || std::string_view(" <>()[],;:\\\"").find(c) != std::string_view::npos;
  });
  if (shaped && safe) return Ok{};
  return {Code::invalid_argument, "This is no e-mail address that mail can be sent to."};
}

std::string base64(std::string_view bytes) {
  std::string out(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  ::sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                      sodium_base64_VARIANT_ORIGINAL);
  out.pop_back();  // the NUL
  return out;
}

std::string encoded_words(std::string_view text) {
  constexpr std::size_t kBytesInWord = 39;  // 52 in base64, 64 with what is around it
  std::string out;
  while (!text.empty()) {
    const std::string_view piece = utf8_prefix(text, kBytesInWord);
    if (!out.empty()) out += "\r\n ";
    out += "=?utf-8?B?" + base64(piece) + "?=";
    text.remove_prefix(piece.size());
  }
  return out;
}

std::string quoted_printable(std::string_view text) {
  constexpr std::size_t kLine = 76;
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  std::size_t column = 0;
  const auto put = [&](std::string_view piece) {
    if (column + piece.size() >= kLine) {
      out += "=\r\n";
      column = 0;
    }
    out += piece;
    column += piece.size();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || c == '\r') {
      if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
      out += "\r\n";
      column = 0;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    const bool at_end = i + 1 == text.size() || text[i + 1] == '\n' || text[i + 1] == '\r';
    const bool plain = (byte > 0x20 && byte < 0x7F && c != '=') || ((c == ' ' || c == '\t') && !at_end);
    if (plain) {
      put(std::string_view(&text[i], 1));
    } else {
      const char encoded[3] = {'=', kHex[byte >> 4], kHex[byte & 15]};
      put(std::string_view(encoded, 3));
    }
  }
  return out;
}

std::string rfc5322_date(UnixMillis time) {
  constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = static_cast<std::time_t>(time / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000", kDays[utc.tm_wday], utc.tm_mday, kMonths[utc.tm_mon],
                     utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

Result<std::string> format_message(const MailMessage& message, const Envelope& envelope) {
  LB_CHECK(check_address(message.to));
  LB_CHECK(check_address(envelope.from));
  if (message.subject.empty() || message.subject.size() > kLongestSubject ||
      std::ranges::any_of(message.subject, is_control) || !is_utf8(message.subject)) {
    return {Code::invalid_argument, "An e-mail's subject is one line of at most 500 bytes."};
  }
  if (std::ranges::any_of(envelope.from_name, is_control) || !is_utf8(envelope.from_name)) {
    return {Code::invalid_argument, "The sender's name (mail.from) has a character that is not allowed."};
  }
  if (message.text.size() > kLongestText || message.html.size() > kLongestText) {
    return {Code::too_large, "An e-mail has at most 1 MiB of text."};
  }
  std::string out;
  out += envelope.from_name.empty() ? fmt::format("From: <{}>\r\n", envelope.from)
                                    : fmt::format("From: {}\r\n <{}>\r\n", phrase(envelope.from_name), envelope.from);
  out += fmt::format("To: <{}>\r\n", message.to);
  out += fmt::format("Subject: {}\r\n", is_ascii(message.subject) && message.subject.size() <= 65 &&
                                                message.subject.find("=?") == std::string::npos
                                            ? message.subject
                                            : encoded_words(message.subject));
  out += fmt::format("Date: {}\r\nMessage-ID: <{}>\r\n", rfc5322_date(envelope.date), envelope.id);
  // Nobody's holiday notice is wanted.
  out += "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n";
  if (message.html.empty()) {
    append_part(out, "text/plain", message.text);
    return out;
  }
  out += fmt::format("Content-Type: multipart/alternative; boundary=\"{}\"\r\n\r\n", envelope.boundary);
  out += fmt::format("--{}\r\n", envelope.boundary);
  append_part(out, "text/plain", message.text);
  out += fmt::format("--{}\r\n", envelope.boundary);
  append_part(out, "text/html", message.html);
  out += fmt::format("--{}--\r\n", envelope.boundary);
  return out;
}

std::string dot_stuffed(std::string_view message) {
  std::string out;
  out.reserve(message.size() + 64);
  bool line_start = true;
  for (const char c : message) {
    if (line_start && c == '.') out += '.';
    out += c;
    line_start = c == '\n';
  }
  if (!out.ends_with("\r\n")) out += "\r\n";
  return out += ".\r\n";
}

}  // namespace librebird::net::smtp
