#include <librebird/hands/protocol/tool_protocol.hpp>

#include <librebird/base/json_writer.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace librebird::hands::protocol {
namespace json = boost::json;
namespace {

using Type = ProgramMessage::Type;

constexpr std::size_t kMaxDepth = 128;
constexpr std::size_t kMaxId = 200;

struct Named {
  std::string_view name;
  Type type;
};
constexpr std::array<Named, 7> kTypes = {{{"ready", Type::ready},
                                          {"tools", Type::tools},
                                          {"output", Type::output},
                                          {"progress", Type::progress},
                                          {"result", Type::result},
                                          {"error", Type::error},
                                          {"event", Type::event}}};

// The text of the top-level member `key` in a line that was parsed before: numbers stay as the program wrote them.
std::string_view raw_member(std::string_view line, std::string_view key) {
  std::string_view found;
  std::size_t depth = 0;
  std::size_t value_start = std::string_view::npos;  // of the member's value, while we are in one
  std::string_view name;
  const auto end_value = [&](std::size_t end) {
    if (value_start == std::string_view::npos) return;
    if (name == key) found = line.substr(value_start, end - value_start);
    value_start = std::string_view::npos;
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"') {
      const std::size_t start = i + 1;
      for (++i; i < line.size() && line[i] != '"'; ++i) {
        if (line[i] == '\\') ++i;
      }
      if (depth == 1 && value_start == std::string_view::npos) name = line.substr(start, i - start);
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 1) end_value(i);
      --depth;
    } else if (depth == 1 && c == ':' && value_start == std::string_view::npos) {
      value_start = i + 1;
    } else if (depth == 1 && c == ',') {
      end_value(i);
    }
  }
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = found.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return found.substr(first, found.find_last_not_of(kSpace) - first + 1);
}

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

double fraction_of(const json::object& object) {
  const json::value* value = object.if_contains("fraction");
  if (value == nullptr || !value->is_number()) return 0;
  return std::clamp(value->to_number<double>(), 0.0, 1.0);
}

Error broken(std::string message) { return make_error(Code::invalid_argument, std::move(message)); }

// Nothing for a type we do not know.
Result<std::optional<ProgramMessage>> read_message(std::string_view line) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kMaxDepth + 2;
  const json::value parsed = json::parse({line.data(), line.size()}, error, {}, options);
  if (error) return broken("a line was not JSON");
  if (!parsed.is_object()) return broken("a line was not a JSON object");
  const json::object& object = parsed.as_object();
  const std::string name = text_of(object, "type");
  const auto* known = std::ranges::find(kTypes, name, &Named::name);
  if (known == kTypes.end()) return std::optional<ProgramMessage>();
  ProgramMessage message;
  message.type = known->type;
  message.id = text_of(object, "id");
  if (message.id.size() > kMaxId) return broken("a call's id was too long");
  switch (message.type) {
    case Type::ready: break;
    case Type::output: message.text = text_of(object, "text"); break;
    case Type::progress:
      message.fraction = fraction_of(object);
      message.text = text_of(object, "message");
      break;
    case Type::error: message.text = text_of(object, "message"); break;
    case Type::result:
      if (!object.contains("value")) return broken("a result had no value");
      message.value_json = raw_member(line, "value");
      break;
    case Type::tools:
      if (const json::value* tools = object.if_contains("tools"); tools == nullptr || !tools->is_array())
        return broken("the list of tools was not a list");
      message.value_json = raw_member(line, "tools");
      break;
    case Type::event:
      message.text = text_of(object, "name");
      message.value_json = object.contains("data") ? raw_member(line, "data") : "null";
      break;
  }
  // A name written with escapes is found by the parser and not by us.
  if ((message.type == Type::result || message.type == Type::tools || message.type == Type::event) &&
      message.value_json.empty())
    return broken("a member's name was written with escapes");
  return std::optional<ProgramMessage>(std::move(message));
}

}  // namespace

std::string encode_call(const CallMessage& call) {
  JsonWriter json;
  json.begin_object().field("type", "call").field("id", call.id).field("tool", call.tool);
  json.raw_field("arguments", call.arguments_json).field("now", call.now).key("zone").begin_object();
  json.field("name", call.zone_name).field("abbreviation", call.zone_abbreviation);
  json.field("offset_seconds", call.zone_offset_seconds).end_object().raw_field("settings", call.settings_json);
  json.field("work_directory", call.work_directory).end_object();
  std::string line = std::move(json).take();
  // Between the tokens of a document, a line feed is white space; inside its strings there is none.
  std::ranges::replace(line, '\n', ' ');
  std::ranges::replace(line, '\r', ' ');
  return line + "\n";
}

std::string encode_describe(std::string_view settings_json) {
  JsonWriter json;
  json.begin_object().field("type", "describe");
  if (!settings_json.empty()) json.raw_field("settings", settings_json);
  json.end_object();
  return std::move(json).take() + "\n";
}

std::string encode_cancel(std::string_view id) {
  JsonWriter json;
  json.begin_object().field("type", "cancel").field("id", id).end_object();
  return std::move(json).take() + "\n";
}

Result<bool> LineDecoder::take_line(std::string_view line, const std::function<bool(ProgramMessage)>& sink) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.find_first_not_of(" \t") == std::string_view::npos) return true;
  auto message = read_message(line);
  if (!message) {
    broken_ = true;
    return message.error();
  }
  return !message->has_value() || sink(std::move(**message));
}

Status LineDecoder::feed(std::string_view bytes, const std::function<bool(ProgramMessage)>& sink) {
  while (!bytes.empty()) {
    if (broken_) return broken("nothing is read after a broken line");
    const std::size_t end = bytes.find('\n');
    const std::size_t size = std::min(end, bytes.size());
    if (pending_.size() + size > most_) {
      broken_ = true;
      return make_error(Code::too_large, "a line was too long");
    }
    if (end == std::string_view::npos) {
      pending_.append(bytes);
      return Ok{};
    }
    const std::string_view piece = bytes.substr(0, size);
    bytes.remove_prefix(size + 1);
    Result<bool> more = true;
    if (pending_.empty()) {
      more = take_line(piece, sink);
    } else {
      pending_.append(piece);
      const std::string line = std::exchange(pending_, {});
      more = take_line(line, sink);
    }
    if (!more) return more.error();
    if (!*more) return Ok{};
  }
  return Ok{};
}

Status LineDecoder::finish(const std::function<bool(ProgramMessage)>& sink) {
  if (broken_) return broken("nothing is read after a broken line");
  const std::string line = std::exchange(pending_, {});
  const auto more = take_line(line, sink);
  if (!more) return more.error();
  return Ok{};
}

}  // namespace librebird::hands::protocol
