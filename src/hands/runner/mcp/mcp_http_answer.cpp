#include "mcp_http_answer.hpp"

#include <algorithm>
#include <charconv>

namespace librebird::runner {
namespace {

constexpr std::size_t kLongestHead = 64 * 1024;
constexpr std::size_t kLongestId = 1024;

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
bool read_number(std::string_view text, Number& number, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc{} && end == text.data() + text.size();
}

std::string media_type(const HttpAnswer& answer) {
  const std::string_view content = answer.header("content-type");
  return lower(trim(content.substr(0, content.find(';'))));
}

// The status line and the fields; `text` ends before the empty line.
bool parse_head(std::string_view text, HttpAnswer& answer) {
  if (!text.starts_with("HTTP/1.1 ") || text.size() < 12) return false;
  if (!read_number(text.substr(9, 3), answer.status) || answer.status < 200) return false;
  std::size_t at = text.find("\r\n");
  while (at != std::string_view::npos) {
    text.remove_prefix(at + 2);
    at = text.find("\r\n");
    const std::string_view line = text.substr(0, at);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    answer.headers.emplace_back(lower(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  return true;
}

}  // namespace

std::string_view HttpAnswer::header(std::string_view lower_case_name) const {
  const auto found =
      std::ranges::find(headers, lower_case_name, [](const auto& field) { return std::string_view(field.first); });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

bool HttpAnswer::is_stream() const { return media_type(*this) == "text/event-stream"; }

std::vector<std::string> EventReader::feed(std::string_view bytes, bool more) {
  std::vector<std::string> messages;
  rest_ += bytes;
  std::string_view left = rest_;
  if (!begun_ && (left.size() >= 3 || !more)) {
    begun_ = true;
    if (left.starts_with("\xEF\xBB\xBF")) left.remove_prefix(3);
  }
  while (begun_) {
    const std::size_t end = left.find_first_of("\r\n");
    if (end == std::string_view::npos) break;
    // What follows a CR at the very end decides whether both are one.
    if (left[end] == '\r' && end + 1 == left.size() && more) break;
    line(left.substr(0, end), messages);
    left.remove_prefix(end + (left.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  rest_.erase(0, rest_.size() - left.size());
  return messages;
}

void EventReader::line(std::string_view text, std::vector<std::string>& messages) {
  if (text.empty()) {
    if (!data_.empty() && (type_.empty() || type_ == "message")) {
      data_.pop_back();  // the last line's end
      if (!data_.empty()) messages.push_back(std::move(data_));
    }
    data_.clear();
    type_.clear();
    return;
  }
  const std::size_t colon = std::min(text.find(':'), text.size());
  std::string_view value = text.substr(std::min(colon + 1, text.size()));
  if (value.starts_with(' ')) value.remove_prefix(1);
  const std::string_view field = text.substr(0, colon);
  if (field == "data") data_.append(value).push_back('\n');
  if (field == "event") type_ = value;
  if (field == "id" && value.size() <= kLongestId && value.find('\0') == std::string_view::npos) last_id_ = value;
  std::int64_t wait = 0;
  if (field == "retry" && !value.starts_with('-') && read_number(value, wait)) retry_ = wait;
}

bool HttpAnswerReader::feed(std::string_view bytes) {
  if (state_ == State::broken) return false;
  if (state_ == State::whole) return true;  // what follows is not ours
  received_ += bytes;
  bool good = true;
  if (state_ == State::head) good = read_head();
  if (good && state_ == State::counted) {
    const std::string piece =
        received_.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, received_.size())));
    received_.erase(0, piece.size());
    left_ -= piece.size();
    good = body(piece) && (left_ > 0 || finish());
  } else if (good && state_ == State::rest) {
    good = body(std::exchange(received_, {}));
  } else if (good && state_ != State::head && state_ != State::whole) {
    good = read_chunks();
  }
  if (!good) state_ = State::broken;
  return good;
}

bool HttpAnswerReader::end() {
  if (state_ == State::rest && !finish()) state_ = State::broken;
  return state_ == State::whole;
}

bool HttpAnswerReader::read_head() {
  const std::size_t end = received_.find("\r\n\r\n");
  if (end == std::string::npos) return received_.size() <= kLongestHead;
  if (end > kLongestHead || !parse_head(std::string_view(received_).substr(0, end), answer_)) return false;
  received_.erase(0, end + 4);
  head_ = true;
  const std::string_view length = answer_.header("content-length");
  if (lower(answer_.header("transfer-encoding")) == "chunked") {
    state_ = State::chunk_size;
  } else if (!length.empty()) {
    state_ = State::counted;
    return read_number(length, left_);
  } else if (answer_.status == 204 || answer_.status == 304) {
    return finish();
  } else {
    state_ = State::rest;
  }
  return true;
}

std::optional<std::string> HttpAnswerReader::line() {
  const std::size_t end = received_.find("\r\n");
  if (end == std::string::npos) return std::nullopt;
  std::string text = received_.substr(0, end);
  received_.erase(0, end + 2);
  return text;
}

bool HttpAnswerReader::read_chunks() {
  constexpr std::size_t kLongestLine = 1024;
  while (state_ != State::whole) {
    if (state_ == State::chunk) {
      if (received_.empty()) return true;
      const std::string piece =
          received_.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, received_.size())));
      received_.erase(0, piece.size());
      left_ -= piece.size();
      if (!body(piece)) return false;
      if (left_ == 0) state_ = State::chunk_end;
      continue;
    }
    const auto text = line();
    if (!text) return received_.size() <= kLongestLine;
    if (state_ == State::chunk_end) {
      if (!text->empty()) return false;
      state_ = State::chunk_size;
    } else if (state_ == State::chunk_size) {
      if (!read_number(std::string_view(*text).substr(0, text->find(';')), left_, 16)) return false;
      state_ = left_ > 0 ? State::chunk : State::trailer;
    } else if (text->empty() && !finish()) {  // the trailer's end
      return false;
    }
  }
  return true;
}

bool HttpAnswerReader::body(std::string_view bytes) {
  if (!answer_.is_stream()) {
    answer_.body += bytes;
    return answer_.body.size() <= kMost;
  }
  for (std::string& message : events_.feed(bytes, true)) messages_.push_back(std::move(message));
  return events_.waiting() <= kMost;
}

bool HttpAnswerReader::finish() {
  state_ = State::whole;
  if (answer_.is_stream()) {
    for (std::string& message : events_.feed({}, false)) messages_.push_back(std::move(message));
  } else if (media_type(answer_) == "application/json" && !answer_.body.empty()) {
    messages_.push_back(answer_.body);
  }
  return true;
}

std::vector<std::string> HttpAnswerReader::take_messages() { return std::exchange(messages_, {}); }

}  // namespace librebird::runner
