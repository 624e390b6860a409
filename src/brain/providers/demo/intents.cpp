#include "intents.hpp"

#include <librebird/base/json_writer.hpp>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <utility>

namespace librebird::brain::demo {
namespace {

using Pairs = std::initializer_list<std::pair<std::string_view, std::string_view>>;

std::string arguments(Pairs pairs) {
  std::string json = "{";
  for (const auto& [key, value] : pairs) {
    if (json.size() > 1) json.push_back(',');
    json.append("\"").append(key).append("\":\"");
    append_json_escaped(json, value);
    json.push_back('"');
  }
  json.push_back('}');
  return json;
}

bool word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Position just behind `phrase` where it stands as whole words in `text` (lower case).
std::optional<std::size_t> after(std::string_view text, std::string_view phrase) {
  for (std::size_t at = text.find(phrase); at != std::string_view::npos; at = text.find(phrase, at + 1)) {
    const std::size_t end = at + phrase.size();
    const bool starts = at == 0 || !word_char(text[at - 1]);
    const bool ends = end >= text.size() || !word_char(text[end]);
    if (starts && ends) return end;
  }
  return std::nullopt;
}

std::optional<std::size_t> after_any(std::string_view text, std::initializer_list<std::string_view> phrases) {
  for (const std::string_view phrase : phrases) {
    if (const auto found = after(text, phrase)) return found;
  }
  return std::nullopt;
}

bool says(std::string_view text, std::initializer_list<std::string_view> phrases) {
  return after_any(text, phrases).has_value();
}

std::string_view trim(std::string_view text, std::string_view what = " \t\r\n") {
  const std::size_t from = text.find_first_not_of(what);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(what) - from + 1);
}

// Inside of a fenced code block, without its language.
std::optional<std::string_view> fenced(std::string_view text) {
  const std::size_t open = text.find("```");
  if (open == std::string_view::npos) return std::nullopt;
  const std::size_t line = text.find('\n', open);
  if (line == std::string_view::npos) return std::nullopt;
  const std::size_t close = text.find("```", line);
  if (close == std::string_view::npos) return std::nullopt;
  return trim(text.substr(line, close - line), "\r\n");
}

std::optional<std::string_view> quoted(std::string_view text) {
  for (const auto& [open, close] :
       {std::pair<std::string_view, std::string_view>{"\"", "\""}, {"\xE2\x80\x9C", "\xE2\x80\x9D"}, {"`", "`"}}) {
    const std::size_t from = text.find(open);
    if (from == std::string_view::npos) continue;
    const std::size_t to = text.rfind(close);
    if (to != std::string_view::npos && to > from + open.size()) {
      return text.substr(from + open.size(), to - from - open.size());
    }
  }
  return std::nullopt;
}

// The material of a request about text: a code block, a quotation, what follows a colon, or what follows `from`.
std::string_view material(std::string_view text, std::size_t from) {
  if (const auto block = fenced(text)) return *block;
  const std::size_t colon = text.find(':');
  const std::string_view behind = colon == std::string_view::npos ? std::string_view() : trim(text.substr(colon + 1));
  if (const auto quote = quoted(colon == std::string_view::npos ? text : text.substr(0, colon))) return *quote;
  if (!behind.empty()) {
    if (behind.size() > 1 && behind.front() == '"' && behind.back() == '"') return behind.substr(1, behind.size() - 2);
    return behind;
  }
  std::string_view rest = trim(text.substr(std::min(from, text.size())), " \t\r\n:");
  for (const std::string_view filler : {"the text ", "this text ", "of ", "for ", "this ", "the words ", "in "}) {
    if (lower(rest.substr(0, filler.size())) == filler) rest = trim(rest.substr(filler.size()));
  }
  return rest;
}

std::optional<Intent> about_json(std::string_view text, std::string_view low) {
  if (!says(low, {"json"}) || says(low, {"csv"})) return std::nullopt;
  const bool asked = says(low, {"prettify", "pretty", "pretty-print", "format", "beautify", "validate", "valid",
                                "minify", "compact", "sort", "check", "indent"});
  const std::size_t from = text.find_first_of("{[");
  if (!asked) return std::nullopt;
  const auto block = fenced(text);
  const std::string_view json = block                            ? *block
                                : from != std::string_view::npos ? trim(text.substr(from))
                                                                 : material(text, *after(low, "json"));
  if (json.empty()) return std::nullopt;
  const std::string_view action = says(low, {"minify", "compact"}) ? "minify"
                                  : says(low, {"sort"})            ? "sort"
                                                                   : "prettify";
  return Intent{"json_prettify", arguments({{"text", json}, {"action", action}})};
}

std::optional<Intent> about_case(std::string_view text, std::string_view low) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 18> kCases{{{"upper case", "upper"},
                                                                                  {"uppercase", "upper"},
                                                                                  {"upper-case", "upper"},
                                                                                  {"lower case", "lower"},
                                                                                  {"lowercase", "lower"},
                                                                                  {"lower-case", "lower"},
                                                                                  {"title case", "title"},
                                                                                  {"titlecase", "title"},
                                                                                  {"sentence case", "sentence"},
                                                                                  {"snake case", "snake"},
                                                                                  {"snake_case", "snake"},
                                                                                  {"camel case", "camel"},
                                                                                  {"camelcase", "camel"},
                                                                                  {"kebab case", "kebab"},
                                                                                  {"kebab-case", "kebab"},
                                                                                  {"constant case", "constant"},
                                                                                  {"all caps", "upper"},
                                                                                  {"capital letters", "upper"}}};
  for (const auto& [phrase, name] : kCases) {
    const auto end = after(low, phrase);
    if (!end) continue;
    std::string_view of = material(text, *end);
    if (trim(of, " .?!\n").empty()) {
      // "convert hello world to upper case"
      const std::size_t begin = *end - phrase.size();
      of = text.substr(0, begin);
      for (const std::string_view verb : {"convert", "change", "make", "turn", "put", "write"}) {
        if (const auto start = after(low.substr(0, begin), verb)) {
          of = text.substr(*start, begin - *start);
          break;
        }
      }
      of = trim(of);
      for (const std::string_view tail : {" to", " into", " in"}) {
        if (of.ends_with(tail)) of = trim(of.substr(0, of.size() - tail.size()));
      }
    }
    if (of.empty()) return std::nullopt;
    return Intent{"text_case", arguments({{"text", of}, {"case", name}})};
  }
  return std::nullopt;
}

std::optional<Intent> about_base64(std::string_view text, std::string_view low) {
  const auto named = after_any(low, {"base64", "base 64", "base-64"});
  if (!named) return std::nullopt;
  const bool decode = says(low, {"decode", "decoded", "from base64"});
  const auto verb = after_any(low, {"decode", "encode"});
  std::string_view of = material(text, std::max(*named, verb.value_or(0)));
  if (of.empty() && verb && *verb < *named) {
    // "encode hello in base64"
    of = trim(text.substr(*verb, *named - *verb));
    of = trim(of.substr(0, of.find_last_of(' ')));
    for (const std::string_view tail : {" to", " in", " as", " from", " with"}) {
      if (of.ends_with(tail)) of = trim(of.substr(0, of.size() - tail.size()));
    }
  }
  if (of.empty()) return std::nullopt;
  return Intent{"base64_encode_decode", arguments({{"text", of}, {"action", decode ? "decode" : "encode"}})};
}

// Requests about a text: whatever else the text says is not ours to understand.
std::optional<Intent> about_text(std::string_view text, std::string_view low) {
  if (auto found = about_base64(text, low)) return found;
  if (const auto end = after(low, "csv"); end && says(low, {"json", "convert", "parse", "table"})) {
    const auto to_json = after(low, "json");
    const std::string_view csv = material(text, std::max(*end, to_json.value_or(0)));
    if (!csv.empty()) return Intent{"csv_to_json", arguments({{"text", csv}})};
  }
  if (auto found = about_json(text, low)) return found;
  if (const auto end = after_any(
          low, {"markdown to html", "markdown into html", "markdown as html", "md to html", "to html", "into html"})) {
    const std::string_view of = material(text, *end);
    if (!of.empty()) return Intent{"markdown_to_html", arguments({{"text", of}})};
  }
  if (const auto end = after_any(
          low, {"text statistics", "text stats", "statistics of", "statistics for", "count the words in",
                "count words in", "count the words of", "count words", "word count of", "word count for", "word count",
                "how many words are in", "how many characters are in", "how many words are there in",
                "how many words does", "reading time of", "analyze the text", "analyse the text"})) {
    const std::string_view of = material(text, *end);
    if (!of.empty()) return Intent{"text_stats", arguments({{"text", of}})};
  }
  return about_case(text, low);
}

// A place, a name or a file: up to the end of its clause.
std::string_view clause(std::string_view text, std::size_t from) {
  std::string_view rest = trim(text.substr(std::min(from, text.size())));
  const std::string low = lower(rest);
  std::size_t end = rest.find_first_of("?!;\n");
  end = std::min(end, rest.size());
  for (const std::string_view stop :
       {" and ", ", and ", ", what", " right now", " today", " now", " tomorrow", " please", ". "}) {
    end = std::min(end, low.find(stop));
  }
  return trim(rest.substr(0, end), " \t\r\n.,\"'`");
}

void add(std::vector<Intent>& intents, Intent intent) {
  if (intents.size() < kMostIntents) intents.push_back(std::move(intent));
}

bool asks_for_time(std::string_view low) {
  return says(low, {"what time", "the time", "current time", "time is it", "time now", "today's date", "todays date",
                    "what date", "the date", "current date", "date today", "what day", "which day", "day is it",
                    "day of the week", "date and time", "what is today", "what's today"});
}

std::optional<Intent> about_opening(std::string_view text, std::string_view low) {
  for (const std::string_view verb : {"open", "launch", "start", "visit", "go to"}) {
    const auto end = after(low, verb);
    // Only as an order at the beginning: "what is open source" is none.
    if (!end || (*end != verb.size() && !low.starts_with("please ") && !low.starts_with("can you ") &&
                 !low.starts_with("could you "))) {
      continue;
    }
    std::string_view what = clause(text, *end);
    for (const std::string_view filler : {"the app ", "the website ", "the url ", "the ", "app ", "website "}) {
      if (lower(what.substr(0, filler.size())) == filler) what = what.substr(filler.size());
    }
    if (what.empty()) continue;
    const std::string name = lower(what);
    const std::size_t dot = name.find('.');
    const bool address =
        name.starts_with("http://") || name.starts_with("https://") ||
        (name.find(' ') == std::string::npos && dot != std::string::npos && dot > 0 && dot + 2 < name.size());
    if (address) return Intent{"open_url", arguments({{"url", what}})};
    if (verb == "visit" || verb == "go to") continue;
    return Intent{"open_app", arguments({{"name", what}})};
  }
  return std::nullopt;
}

}  // namespace

Understanding understand(std::string_view message) {
  Understanding found;
  const std::string_view text = trim(message);
  // Phrases are looked for near the beginning; the rest is material. Curly apostrophes count as plain ones.
  std::string low = lower(text.substr(0, 2000));
  if (auto about = about_text(text, low)) {
    found.intents.push_back(std::move(*about));
    return found;
  }
  for (std::size_t at = 0; (at = low.find("\xE2\x80\x99", at)) != std::string::npos;) low.replace(at, 3, "'");

  if (const std::string sum = arithmetic_in(text); !sum.empty()) {
    add(found.intents, {"calculator", arguments({{"expression", sum}})});
  }
  if (asks_for_time(low)) add(found.intents, {"get_datetime", "{}"});
  const std::string same = low.size() == text.size() ? std::string(text) : low;  // positions in `low` fit this text
  if (const auto end = after_any(low, {"weather in", "weather for", "weather at", "weather like in", "forecast for",
                                       "forecast in", "temperature in", "weather"})) {
    const std::string_view place = clause(same, *end);
    if (!place.empty()) add(found.intents, {"get_weather", arguments({{"location", place}})});
  }
  if (says(low, {"system info", "system information", "disk space", "memory usage", "free memory", "disk usage",
                 "uptime", "battery"})) {
    add(found.intents, {"get_system_info", "{}"});
  }
  if (const auto end = after_any(low, {"search files for", "search my files for", "search for files named",
                                       "search for files", "search for the file", "find files named", "find files",
                                       "find the file", "find a file named", "find my file", "search files"})) {
    const std::string_view query = clause(same, *end);
    if (!query.empty()) add(found.intents, {"search_files", arguments({{"query", query}})});
  }
  if (auto opening = about_opening(same, low)) add(found.intents, std::move(*opening));

  found.help = says(low, {"help", "what can you do", "what can you", "who are you", "what are you", "how do you work"});
  found.greeting = says(low, {"hello", "hi", "hey", "good morning", "good evening", "good afternoon", "greetings"});
  return found;
}

}  // namespace librebird::brain::demo
