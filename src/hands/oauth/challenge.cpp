#include "challenge.hpp"

#include <algorithm>

namespace librebird::hands::oauth {
namespace {

constexpr std::size_t kLongestHeader = 8 * 1024;

bool is_token(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool same(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip(std::string_view characters) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(characters), rest_.size()));
  }
  // Empty: none stands here.
  std::string_view token() {
    const auto end = std::ranges::find_if_not(rest_, is_token);
    const std::string_view found = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(found.size());
    return found;
  }
  // A token or a quoted string; nullopt: a quote that does not end.
  std::optional<std::string> value() {
    if (!take('"')) return std::string(token());
    std::string out;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return out;
      if (c == '\\' && !rest_.empty()) {
        out += rest_.front();
        rest_.remove_prefix(1);
      } else {
        out += c;
      }
    }
    return std::nullopt;
  }

 private:
  std::string_view rest_;
};

}  // namespace

std::optional<Challenge> parse_challenge(std::string_view header) {
  if (header.size() > kLongestHeader) return std::nullopt;
  std::optional<Challenge> bearer;
  bool in_bearer = false;
  Reader reader(header);
  for (;;) {
    reader.skip(" \t,");
    if (reader.at_end()) return bearer;
    const std::string_view word = reader.token();
    if (word.empty()) return bearer;  // what follows is no challenge
    reader.skip(" \t");
    if (!reader.take('=')) {
      // A scheme. Of two with the same name the first counts.
      if (bearer) return bearer;
      in_bearer = same(word, "bearer");
      if (in_bearer) bearer.emplace();
      continue;
    }
    reader.skip(" \t=");  // also the padding of credentials that are no parameters
    const auto value = reader.value();
    if (!value) return bearer;
    if (!in_bearer) continue;
    if (same(word, "resource_metadata")) bearer->resource_metadata = *value;
    if (same(word, "scope")) bearer->scope = *value;
    if (same(word, "error")) bearer->error = *value;
  }
}

}  // namespace librebird::hands::oauth
