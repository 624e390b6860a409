#include <librebird/gateway/letters.hpp>

#include "embedded_letters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

namespace librebird::gateway {
namespace {

constexpr std::size_t kLongestWord = 200;
constexpr std::size_t kLongestLink = 1000;

constexpr std::string_view kPage =
    "<!doctype html>\n<html><body style=\"margin:0;padding:24px;font:16px/1.5 sans-serif;color:#1c1c1c;"
    "background:#ffffff\">\n<div style=\"max-width:32em\">\n{}</div>\n</body></html>\n";
constexpr std::string_view kParagraph = "<p>{}</p>\n";
constexpr std::string_view kButton =
    "<p><a href=\"{1}\" style=\"display:inline-block;padding:10px 18px;border-radius:6px;background:#1f5fbf;"
    "color:#ffffff;text-decoration:none\">{0}</a></p>\n<p style=\"font-size:13px;word-break:break-all\">{1}</p>\n";

std::string_view name_of(Letter letter) {
  switch (letter) {
    case Letter::sign_in: return "sign_in";
    case Letter::reset_password: return "reset_password";
    case Letter::verify_email: return "verify_email";
    case Letter::invitation: return "invitation";
    case Letter::new_device: return "new_device";
    case Letter::account_exists: return "account_exists";
  }
  return "";
}

std::string_view text_of(Letter letter) {
  const auto all = embedded_letters();
  const auto at = std::ranges::find(all, name_of(letter), &EmbeddedLetter::name);
  assert(at != all.end());
  return at->text;
}

// What somebody else chose: one line, of a bounded length.
std::string tamed(std::string_view text, std::size_t limit) {
  std::string out;
  for (const char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
  if (out.size() > limit) {
    std::size_t end = limit;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
    out.resize(end);
  }
  return out;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

// One pass: what is filled in is not looked at again.
std::string filled(std::string_view text, const LetterWords& words) {
  std::string out;
  for (;;) {
    const std::size_t open = text.find("{{");
    const std::size_t close = open == std::string_view::npos ? open : text.find("}}", open);
    if (close == std::string_view::npos) return out.append(text);
    const std::string_view name = text.substr(open + 2, close - open - 2);
    out.append(text.substr(0, open));
    if (name == "site") out += tamed(words.site, kLongestWord);
    if (name == "link") out += tamed(words.link, kLongestLink);
    if (name == "who") out += tamed(words.who, kLongestWord);
    if (name == "what") out += tamed(words.what, kLongestWord);
    text.remove_prefix(close + 2);
  }
}

}  // namespace

MailMessage write_letter(Letter letter, std::string to, const LetterWords& words) {
  std::string_view rest = text_of(letter);
  MailMessage message;
  message.to = std::move(to);
  const std::size_t first = rest.find('\n');
  message.subject = filled(rest.substr(0, first), words);
  rest.remove_prefix(first + 2);
  std::string html;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find("\n\n"), rest.size() - 1);
    const std::string_view paragraph = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 2, rest.size()));
    if (!message.text.empty()) message.text += "\n";
    const std::size_t middle = paragraph.find("](");
    if (paragraph.starts_with('[') && middle != std::string_view::npos) {
      const std::string label = filled(paragraph.substr(1, middle - 1), words);
      const std::string link = filled(paragraph.substr(middle + 2, paragraph.size() - middle - 3), words);
      message.text += link + "\n";
      html += fmt::format(fmt::runtime(kButton), escaped(label), escaped(link));
    } else {
      const std::string text = filled(paragraph, words);
      message.text += text + "\n";
      html += fmt::format(fmt::runtime(kParagraph), escaped(text));
    }
  }
  message.html = fmt::format(fmt::runtime(kPage), html);
  return message;
}

}  // namespace librebird::gateway
