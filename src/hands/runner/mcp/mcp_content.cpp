#include "mcp_content.hpp"

#include <boost/json.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

namespace librebird::runner {
namespace json = boost::json;
namespace {

bool is_text(const json::value& part) {
  const json::object* object = part.if_object();
  const json::value* type = object != nullptr ? object->if_contains("type") : nullptr;
  const json::value* text = object != nullptr ? object->if_contains("text") : nullptr;
  return type != nullptr && type->is_string() && type->get_string() == "text" && text != nullptr && text->is_string();
}

std::string_view text_of(const json::value& part) { return part.at("text").as_string(); }

// Notes for clients, nothing for the model.
json::value without_notes(json::value part) {
  if (json::object* object = part.if_object()) {
    object->erase("annotations");
    object->erase("_meta");
  }
  return part;
}

json::value value_of_text(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin != std::string_view::npos && (text[begin] == '{' || text[begin] == '[')) {
    boost::system::error_code error;
    json::value value = json::parse({text.data(), text.size()}, error);
    if (!error) return value;
  }
  return json::string(text);
}

}  // namespace

CallOutcome outcome_of(const json::object& result) {
  static const json::array kNothing;
  const json::value* listed = result.if_contains("content");
  const json::array& content = listed != nullptr && listed->is_array() ? listed->get_array() : kNothing;
  std::string texts;
  json::array others;
  std::size_t text_count = 0;
  for (const json::value& part : content) {
    if (is_text(part)) {
      if (text_count++ > 0) texts += '\n';
      texts += text_of(part);
    } else {
      others.push_back(without_notes(part));
    }
  }
  CallOutcome outcome;
  const json::value* is_error = result.if_contains("isError");
  if (is_error != nullptr && is_error->is_bool() && is_error->get_bool()) {
    outcome.failed = true;
    outcome.message = texts.empty() ? "The MCP server's tool failed without saying why." : std::move(texts);
    return outcome;
  }
  const json::value* structured = result.if_contains("structuredContent");
  if (structured != nullptr && !structured->is_null()) {
    // The texts are the same again, for clients that know no structured content.
    outcome.value = others.empty() ? *structured : json::value{{"structured", *structured}, {"content", others}};
  } else if (others.empty() && text_count <= 1) {
    outcome.value = text_count == 0 ? json::value(nullptr) : value_of_text(texts);
  } else {
    json::array parts;
    for (const json::value& part : content) parts.push_back(without_notes(part));
    outcome.value = json::object{{"content", std::move(parts)}};
  }
  return outcome;
}

void write_json(std::string& out, const json::value& value) {
  if (const double* number = value.if_double()) {
    if (!std::isfinite(*number)) {
      out += "null";
      return;
    }
    std::array<char, 32> text{};
    out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), *number).ptr);
  } else if (const json::object* object = value.if_object()) {
    out += '{';
    bool first = true;
    for (const auto& [key, member] : *object) {
      if (!std::exchange(first, false)) out += ',';
      out += json::serialize(json::string_view(key));
      out += ':';
      write_json(out, member);
    }
    out += '}';
  } else if (const json::array* array = value.if_array()) {
    out += '[';
    bool first = true;
    for (const json::value& item : *array) {
      if (!std::exchange(first, false)) out += ',';
      write_json(out, item);
    }
    out += ']';
  } else {
    out += json::serialize(value);
  }
}

}  // namespace librebird::runner
