#include "mcp_http_answer.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace librebird::runner {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

// The next line without its end, which is CR LF, LF or CR.
std::string_view next_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end);
  if (rest.starts_with("\r\n")) {
    rest.remove_prefix(2);
  } else if (!rest.empty()) {
    rest.remove_prefix(1);
  }
  return line;
}

// WHATWG HTML, "Interpreting an event stream": an event counts once its blank line has come.
std::vector<std::string> events_of(std::string_view body) {
  std::vector<std::string> messages;
  std::string data;
  std::string type;
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  while (!body.empty()) {
    const std::string_view line = next_line(body);
    if (line.empty()) {
      if (!data.empty() && (type.empty() || type == "message")) {
        data.pop_back();  // the last line's end
        if (!data.empty()) messages.push_back(std::move(data));
      }
      data.clear();
      type.clear();
      continue;
    }
    const std::size_t colon = std::min(line.find(':'), line.size());
    std::string_view value = line.substr(std::min(colon + 1, line.size()));
    if (value.starts_with(' ')) value.remove_prefix(1);
    const std::string_view field = line.substr(0, colon);
    if (field == "data") data.append(value).push_back('\n');
    if (field == "event") type = value;
  }
  return messages;
}

}  // namespace

std::string_view HttpAnswer::header(std::string_view lower_case_name) const {
  const auto found =
      std::ranges::find(headers, lower_case_name, [](const auto& field) { return std::string_view(field.first); });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<HttpAnswer> parse_http_answer(std::string_view text) {
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos || !text.starts_with("HTTP/1.1 ") || text.size() < 12) return std::nullopt;
  HttpAnswer answer;
  if (!read_number(text.substr(9, 3), answer.status) || answer.status < 200) return std::nullopt;
  std::string_view head = text.substr(0, end);
  std::string_view body = text.substr(end + 4);
  next_line(head);
  while (!head.empty()) {
    const std::string_view line = next_line(head);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    answer.headers.emplace_back(lower(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  std::size_t length = 0;
  if (const std::string_view told = answer.header("content-length"); !told.empty()) {
    if (!read_number(told, length) || length > body.size()) return std::nullopt;
    body = body.substr(0, length);
  }
  answer.body = body;
  return answer;
}

std::vector<std::string> messages_of(const HttpAnswer& answer) {
  const std::string_view content = answer.header("content-type");
  const std::string type = lower(trim(content.substr(0, content.find(';'))));
  if (type == "text/event-stream") return events_of(answer.body);
  if (type == "application/json" && !answer.body.empty()) return {answer.body};
  return {};
}

}  // namespace librebird::runner
