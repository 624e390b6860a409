#include "codec.hpp"

#include <librebird/base/utf8.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <chrono>

namespace librebird::storage {
namespace {

namespace json = boost::json;

json::string clean(std::string_view text) {
  if (is_utf8(text)) return json::string(text);
  return json::string(to_valid_utf8(text));
}

json::object call_json(const ToolCall& call) {
  return {{"id", clean(call.id)}, {"name", clean(call.name)}, {"arguments", clean(call.arguments_json)}};
}

json::object result_json(const ToolResult& result) {
  return {{"call_id", clean(result.call_id)},
          {"status", json::string(to_string(result.status))},
          {"content", clean(result.content_json)},
          {"ms", result.duration.count()}};
}

// Readers throw on anything unexpected; the public functions turn that into data_loss.
struct BadShape : std::exception {};

template <class T>
T needed(std::optional<T> value) {
  if (!value) throw BadShape();
  return *std::move(value);
}

std::string text_at(const json::object& object, std::string_view key) {
  return std::string(std::string_view(object.at(key).as_string()));
}

ToolCall call_of(const json::value& value) {
  const json::object& object = value.as_object();
  return {text_at(object, "id"), text_at(object, "name"), text_at(object, "arguments")};
}

ToolResult result_of(const json::value& value) {
  const json::object& object = value.as_object();
  return {text_at(object, "call_id"), needed(tool_status_from_string(text_at(object, "status"))),
          text_at(object, "content"), Millis(object.at("ms").to_number<std::int64_t>())};
}

json::object answer_json(const ModelAnswer& answer) {
  json::array calls;
  for (const ToolCall& call : answer.tool_calls) calls.emplace_back(call_json(call));
  return {{"text", clean(answer.text)},
          {"tool_calls", std::move(calls)},
          {"finish", json::string(to_string(answer.finish_reason))},
          {"prompt_tokens", answer.usage.prompt_tokens},
          {"completion_tokens", answer.usage.completion_tokens},
          {"provider", clean(answer.model.provider)},
          {"model", clean(answer.model.name)},
          {"demo", answer.model.demo}};
}

ModelAnswer answer_of(const json::value& value) {
  const json::object& object = value.as_object();
  ModelAnswer answer;
  answer.text = text_at(object, "text");
  for (const json::value& call : object.at("tool_calls").as_array()) answer.tool_calls.push_back(call_of(call));
  answer.finish_reason = needed(finish_reason_from_string(text_at(object, "finish")));
  answer.usage.prompt_tokens = object.at("prompt_tokens").to_number<std::int64_t>();
  answer.usage.completion_tokens = object.at("completion_tokens").to_number<std::int64_t>();
  answer.model = {text_at(object, "provider"), text_at(object, "model"), object.at("demo").as_bool()};
  return answer;
}

template <class F>
auto guarded(const char* what, F&& read) -> Result<decltype(read())> {
  try {
    return read();
  } catch (const std::exception&) {
    return {Code::data_loss, std::string("A stored ") + what + " cannot be read: restore the database from a backup."};
  }
}

bool is_blank(char c) { return static_cast<unsigned char>(c) <= ' '; }

}  // namespace

std::string encode_step(const TurnStep& step) {
  json::object object;
  if (const auto* answer = std::get_if<ModelAnswer>(&step.what)) {
    object["answer"] = answer_json(*answer);
  } else {
    object["result"] = result_json(std::get<ToolResult>(step.what));
  }
  return json::serialize(object);
}

Result<TurnStep> decode_step(int index, std::string_view text) {
  auto read = [&] {
    const json::value value = json::parse(text);
    const json::object& object = value.as_object();
    TurnStep step{index, {}};
    if (const json::value* answer = object.if_contains("answer")) {
      step.what = answer_of(*answer);
    } else {
      step.what = result_of(object.at("result"));
    }
    return step;
  };
  return guarded("step of a turn", read);
}

std::optional<std::string> encode_parts(const std::vector<MessagePart>& parts, std::string_view content) {
  if (parts.empty() && content.empty()) return std::nullopt;
  if (parts.size() == 1) {
    const auto* only = std::get_if<TextPart>(&parts.front());
    if (only != nullptr && !content.empty() && only->text == content) return std::nullopt;
  }
  json::array array;
  for (const MessagePart& part : parts) {
    if (const auto* text = std::get_if<TextPart>(&part)) {
      array.emplace_back(json::object{{"text", clean(text->text)}});
      continue;
    }
    const auto& call = std::get<ToolCallPart>(part);
    json::object object{{"call", call_json(call.call)}};
    if (call.result) object["result"] = result_json(*call.result);
    array.emplace_back(std::move(object));
  }
  return json::serialize(array);
}

Result<std::vector<MessagePart>> decode_parts(const std::optional<std::string>& text, std::string_view content) {
  if (!text) {
    std::vector<MessagePart> parts;
    if (!content.empty()) parts.emplace_back(TextPart{std::string(content)});
    return parts;
  }
  auto read = [&] {
    std::vector<MessagePart> parts;
    const json::value value = json::parse(*text);
    for (const json::value& item : value.as_array()) {
      const json::object& object = item.as_object();
      if (object.contains("text")) {
        parts.emplace_back(TextPart{text_at(object, "text")});
        continue;
      }
      ToolCallPart part{call_of(object.at("call")), std::nullopt};
      if (const json::value* result = object.if_contains("result")) part.result = result_of(*result);
      parts.emplace_back(std::move(part));
    }
    return parts;
  };
  return guarded("message", read);
}

std::string clean_text(std::string text) {
  if (!is_utf8(text)) text = to_valid_utf8(text);
  if (text.find('\0') == std::string::npos) return text;
  std::string out;
  for (const char c : text) {
    if (c == '\0') {
      out += "\xEF\xBF\xBD";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::optional<std::string> clean_text(std::optional<std::string> text) {
  if (text) text = clean_text(*std::move(text));
  return text;
}

Status check_day(std::string_view text) {
  const auto digits = [&](std::size_t from, std::size_t count) {
    int value = 0;
    for (std::size_t i = from; i < from + count; ++i) {
      if (text[i] < '0' || text[i] > '9') return -1;
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  if (text.size() == 10 && text[4] == '-' && text[7] == '-') {
    const int month = digits(5, 2);
    const int day = digits(8, 2);
    const std::chrono::year_month_day date{std::chrono::year(digits(0, 4)),
                                           std::chrono::month(static_cast<unsigned>(std::max(month, 0))),
                                           std::chrono::day(static_cast<unsigned>(std::max(day, 0)))};
    if (digits(0, 4) >= 0 && date.ok()) return Ok{};
  }
  return {Code::invalid_argument, "A day is written YYYY-MM-DD and exists: name another."};
}

std::string title_of(std::string_view content) {
  constexpr std::size_t kCharacters = 60;
  while (!content.empty() && is_blank(content.front())) content.remove_prefix(1);
  content = content.substr(0, content.find_first_of("\r\n"));
  std::size_t characters = 0;
  std::size_t end = 0;
  for (; end < content.size(); ++end) {
    const bool starts = (static_cast<unsigned char>(content[end]) & 0xC0) != 0x80;
    if (starts && ++characters > kCharacters) break;
  }
  std::string title(content.substr(0, end));
  while (!title.empty() && is_blank(title.back())) title.pop_back();
  std::ranges::replace_if(title, is_blank, ' ');
  return title;
}

}  // namespace librebird::storage
