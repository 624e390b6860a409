#include <librebird/net/sse.hpp>

#include <algorithm>
#include <utility>

namespace librebird::net {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Applies one line that is not empty (WHATWG HTML, 9.2.6). True if it added to the event's data.
bool apply_line(std::string_view line, SseEvent& event, bool has_data) {
  if (line.front() == ':') return false;
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value;
  if (colon != std::string_view::npos) {
    value = line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
  }
  if (field == "data") {
    if (has_data) event.data += '\n';
    event.data += value;
    return true;
  }
  if (field == "event") {
    event.event = value;
  } else if (field == "id" && value.find('\0') == std::string_view::npos) {
    event.id = value;
  }
  return false;
}

}  // namespace

Result<std::vector<SseEvent>> SseParser::feed(std::string_view bytes) {
  std::vector<SseEvent> events;
  while (!bytes.empty()) {
    if (std::exchange(skip_lf_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const std::size_t end = bytes.find_first_of("\r\n");
    const std::string_view piece = bytes.substr(0, end);
    if (line_.size() + piece.size() + current_.data.size() > limit_) {
      return make_error(Code::too_large, "An event of the stream is larger than " + std::to_string(limit_) + " bytes.");
    }
    if (end == std::string_view::npos) {
      line_ += piece;
      break;
    }
    skip_lf_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    std::string_view line = piece;
    if (!line_.empty()) line = line_ += piece;
    if (std::exchange(at_start_, false) && line.starts_with(kByteOrderMark)) {
      line.remove_prefix(kByteOrderMark.size());
    }
    if (!line.empty()) {
      has_data_ = apply_line(line, current_, has_data_) || has_data_;
    } else {
      // The last id stays in force for the events after it; an event without data is dropped.
      std::string id = current_.id;
      if (std::exchange(has_data_, false)) events.push_back(std::move(current_));
      current_ = SseEvent{.event = {}, .data = {}, .id = std::move(id)};
    }
    line_.clear();
  }
  return events;
}

std::string format_sse(const SseEvent& event) {
  std::string out;
  out.reserve(event.data.size() + event.event.size() + event.id.size() + 32);
  // A line end inside a name or id would begin a new field: it is left out.
  const auto field = [&out](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    out += name;
    std::ranges::copy_if(value, std::back_inserter(out), [](char c) { return c != '\r' && c != '\n' && c != '\0'; });
    out += '\n';
  };
  field("id: ", event.id);
  field("event: ", event.event);
  std::string_view rest = event.data;
  for (;;) {
    const std::size_t end = rest.find_first_of("\r\n");
    out += "data: ";
    out += rest.substr(0, end);
    out += '\n';
    if (end == std::string_view::npos) break;
    const bool pair = rest[end] == '\r' && end + 1 < rest.size() && rest[end + 1] == '\n';
    rest.remove_prefix(end + (pair ? 2 : 1));
  }
  out += '\n';
  return out;
}

}  // namespace librebird::net
