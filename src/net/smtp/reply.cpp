#include "reply.hpp"

namespace librebird::net::smtp {
namespace {

constexpr std::size_t kLongestLine = 2048;  // RFC 5321 says 512; some say more
constexpr std::size_t kMostLines = 128;
constexpr std::size_t kLongestWords = 300;

Error garbage() {
  return make_error(Code::unavailable,
                    "The mail server's answer is not SMTP: check the host, the port and smtp:// or "
                    "smtps:// in mail.url.");
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string Reply::words() const {
  std::string out = std::to_string(code);
  for (const std::string& line : lines) {
    if (line.empty()) continue;
    out += ' ';
    for (const char c : line) out += c >= 0x20 && c < 0x7F ? c : '?';
    if (out.size() > kLongestWords) break;
  }
  if (out.size() > kLongestWords) out.resize(kLongestWords);
  return out;
}

Result<std::optional<Reply>> ReplyReader::next() {
  for (;;) {
    const std::size_t end = buffer_.find('\n');
    if (end == std::string::npos) {
      if (buffer_.size() > kLongestLine) return garbage();
      return std::optional<Reply>();
    }
    if (end > kLongestLine) return garbage();
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    if (line.ends_with('\r')) line.pop_back();
    const bool shaped = line.size() >= 3 && line[0] >= '2' && line[0] <= '5' && is_digit(line[1]) &&
                        is_digit(line[2]) && (line.size() == 3 || line[3] == ' ' || line[3] == '-');
    if (!shaped) return garbage();
    const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if ((!reply_.lines.empty() && code != reply_.code) || reply_.lines.size() >= kMostLines) return garbage();
    reply_.code = code;
    reply_.lines.push_back(line.size() > 4 ? line.substr(4) : std::string());
    if (line.size() > 3 && line[3] == '-') continue;
    return std::optional<Reply>(std::exchange(reply_, {}));
  }
}

}  // namespace librebird::net::smtp
