#include <librebird/core/credentials/email.hpp>

#include "encoding.hpp"

#include <algorithm>

namespace librebird {
namespace {

constexpr std::size_t kLongest = 254;
constexpr std::size_t kLongestLocal = 64;

bool in_local(unsigned char c) {
  return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-/=?^_`{|}~.").find(static_cast<char>(c)) != std::string_view::npos;
}
bool in_domain(unsigned char c) {
  return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}
// Neither at the edges nor twice.
bool dots_apart(std::string_view text) {
  return !text.starts_with('.') && !text.ends_with('.') && text.find("..") == std::string_view::npos;
}

}  // namespace

Result<std::string> normal_email(std::string_view text) {
  const auto malformed = [] {
    return make_error(Code::invalid_argument, "This is no e-mail address: write it as name@example.com.");
  };
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.empty() || text.size() > kLongest) return malformed();
  auto normal = credentials::composed(text);
  if (!normal || normal->size() > kLongest) return malformed();
  std::ranges::transform(*normal, normal->begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const std::string_view whole = *normal;
  const std::size_t at = whole.find('@');
  if (at == std::string_view::npos || at == 0 || at > kLongestLocal) return malformed();
  const std::string_view local = whole.substr(0, at);
  const std::string_view domain = whole.substr(at + 1);
  if (domain.empty() || !dots_apart(local) || !dots_apart(domain) || domain.starts_with('-')) return malformed();
  if (!std::ranges::all_of(local, in_local) || !std::ranges::all_of(domain, in_domain)) return malformed();
  return *std::move(normal);
}

}  // namespace librebird
