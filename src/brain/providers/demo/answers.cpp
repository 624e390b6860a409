#include "answers.hpp"

#include <librebird/base/utf8.hpp>

#include <fmt/format.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>

#include <algorithm>

namespace librebird::brain::demo {
namespace {

namespace json = boost::json;
constexpr std::size_t kShown = 2000;

constexpr std::string_view kAbilities =
    "- dates and times (\"What is today's date?\")\n"
    "- arithmetic (\"What is 17.5% of 2340?\")\n"
    "- the weather (\"What's the weather in Lisbon?\")\n"
    "- text statistics (\"Count the words in: ...\")\n"
    "- changing case (\"Convert to snake case: Hello World\")\n"
    "- Base64 (\"Base64 encode: hello\")\n"
    "- JSON (\"Prettify this JSON: {...}\")\n"
    "- CSV to JSON (\"CSV to JSON: a,b ...\")\n"
    "- Markdown to HTML (\"Markdown to HTML: # Hello\")\n"
    "- this computer (\"Show system info\", \"Find files named report\", \"Open example.org\")";

constexpr std::string_view kConnect =
    "To connect a real model, set LIBREBIRD_MODEL (for example openai/NAME-OF-MODEL) together with OPENAI_API_KEY, or "
    "with OPENAI_BASE_URL for a compatible server of your own, and start Libre Bird again.";

std::string plain(const json::value& value) {
  if (const auto* text = value.if_string()) return {text->data(), text->size()};
  if (const auto* number = value.if_double()) return fmt::format("{}", *number);
  return json::serialize(value);
}

std::string member(const json::object& object, std::string_view name, std::string_view otherwise = "") {
  const json::value* value = object.if_contains({name.data(), name.size()});
  return value == nullptr || value->is_null() ? std::string(otherwise) : plain(*value);
}

std::string block(std::string_view text, std::string_view language = "") {
  std::string fence = "```";
  while (text.find(fence) != std::string_view::npos) fence += "`";
  const std::string_view shown = utf8_prefix(text, kShown);
  return fmt::format("\n{}{}\n{}\n{}{}", fence, language, shown, fence, shown.size() < text.size() ? "\n(cut)" : "");
}

// The JSON at the front; the loop may have put notes behind it.
json::value front(std::string_view content) {
  json::stream_parser parser;
  json::error_code failure;
  parser.write_some(content.data(), content.size(), failure);
  if (!failure && !parser.done()) parser.finish(failure);
  return failure ? json::value(nullptr) : parser.release();
}

std::string weather(const json::object& result) {
  return fmt::format("Weather in {}: {}, {} °C ({} °F), humidity {}, wind {} mph {}.", member(result, "location"),
                     member(result, "condition", "unknown"), member(result, "temperature_c", "?"),
                     member(result, "temperature_f", "?"), member(result, "humidity", "?"),
                     member(result, "wind_mph", "?"), member(result, "wind_direction"));
}

std::string statistics(const json::object& result) {
  return fmt::format(
      "The text has {} words ({} different), {} characters, {} sentences, {} paragraphs and {} lines; "
      "reading it takes about {} minutes.",
      member(result, "words"), member(result, "unique_words"), member(result, "characters"),
      member(result, "sentences"), member(result, "paragraphs"), member(result, "lines"),
      member(result, "reading_time_minutes"));
}

std::string files(const json::object& result) {
  const json::value* list = result.if_contains("files");
  if (list == nullptr || !list->is_array() || list->get_array().empty()) {
    return fmt::format("No files match \"{}\".", member(result, "query"));
  }
  std::string text = fmt::format("Files that match \"{}\":", member(result, "query"));
  for (const json::value& file : list->get_array()) text += "\n- " + plain(file);
  return text;
}

std::string system_info(const json::object& result) {
  std::string text = "About this computer:";
  for (const auto& [key, value] : result) text += fmt::format("\n- {}: {}", std::string_view(key), plain(value));
  return text;
}

std::string sentence(std::string_view tool, const json::object& result) {
  if (tool == "calculator") return fmt::format("{} = {}.", member(result, "expression"), member(result, "result"));
  if (tool == "get_datetime") {
    return fmt::format("It is {}, {}, {} ({}).", member(result, "day_of_week"), member(result, "date"),
                       member(result, "time"), member(result, "timezone"));
  }
  if (tool == "get_weather") return weather(result);
  if (tool == "text_stats") return statistics(result);
  if (tool == "text_case") return fmt::format("In {} case:{}", member(result, "case"), block(member(result, "result")));
  if (tool == "base64_encode_decode") {
    const bool decoded = result.contains("decoded");
    return (decoded ? "Decoded:" : "Encoded:") + block(member(result, decoded ? "decoded" : "encoded"));
  }
  if (tool == "json_prettify") return "The JSON is valid:" + block(member(result, "result"), "json");
  if (tool == "csv_to_json") {
    return fmt::format("{} rows:{}", member(result, "rows"), block(member(result, "data"), "json"));
  }
  if (tool == "markdown_to_html") return "As HTML:" + block(member(result, "html"), "html");
  if (tool == "get_system_info") return system_info(result);
  if (tool == "search_files") return files(result);
  if (tool == "open_url") return fmt::format("Opened {}.", member(result, "opened"));
  if (tool == "open_app") return fmt::format("Opened {}.", member(result, "app"));
  return fmt::format("The tool `{}` answered:{}", tool, block(json::serialize(result), "json"));
}

}  // namespace

std::string describe(const ToolCall& call, std::string_view content) {
  const json::value value = front(content);
  const auto* result = value.if_object();
  if (result == nullptr) return fmt::format("The tool `{}` answered:{}", call.name, block(content));
  if (const json::value* error = result->if_contains("error"); error != nullptr && !error->is_null()) {
    return fmt::format("The tool `{}` failed: {}", call.name, utf8_prefix(plain(*error), kShown));
  }
  return sentence(call.name, *result);
}

std::string describe_missing(std::string_view tool) {
  return fmt::format("That needs the tool `{}`, which is not available here.", tool);
}

std::string greeting() {
  return "Hello! Ask me something, for example \"What is 17.5% of 2340, and what is today's date?\", or say \"help\".";
}

std::string help() {
  return fmt::format("I follow simple rules and use Libre Bird's real tools. I understand:\n{}\n\n{}", kAbilities,
                     kConnect);
}

std::string fallback() {
  return fmt::format("I did not understand that: I only follow simple rules. I understand:\n{}\n\n{}", kAbilities,
                     kConnect);
}

}  // namespace librebird::brain::demo
