// SKILL.md: front matter between two lines of ---, then text. The front matter is read as a small part of YAML:
// scalars, one level of mapping or sequence; no anchors, aliases, tags or several documents, so that nothing can grow.
#include <librebird/core/manifest/manifest.hpp>

#include <librebird/base/utf8.hpp>

#include <yaml.h>

#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>

#include "fields.hpp"

namespace librebird::manifest {
namespace {

constexpr std::size_t kMaxFrontMatter = 16 * 1024;
constexpr int kMaxDepth = 8;

Error broken(std::string_view what) { return make_error(Code::invalid_argument, fmt::format("SKILL.md: {}.", what)); }
Error broken(std::string_view key, std::string_view expected) {
  return make_error(Code::invalid_argument, fmt::format("SKILL.md, key `{}`: must be {}.", key, expected));
}

struct Value {
  enum class Kind { text, list, map } kind = Kind::text;
  std::string text;
};
using FrontMatter = std::map<std::string, Value, std::less<>>;

class Reader {
 public:
  explicit Reader(std::string_view text) {
    ready_ = yaml_parser_initialize(&parser_) == 1;
    if (!ready_) return;
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~Reader() {
    if (ready_) yaml_parser_delete(&parser_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Result<FrontMatter> read() {
    if (!ready_) return make_error(Code::resource_exhausted, "There is no memory to read SKILL.md.");
    LB_CHECK(expect(YAML_STREAM_START_EVENT));
    LB_CHECK(expect(YAML_DOCUMENT_START_EVENT));
    LB_CHECK(expect(YAML_MAPPING_START_EVENT));
    FrontMatter out;
    for (;;) {
      LB_TRY(key, next());
      if (key.type == YAML_MAPPING_END_EVENT) break;
      if (key.type != YAML_SCALAR_EVENT) return broken("a key of the front matter is no plain text");
      LB_TRY(value, next());
      LB_TRY(read, value_of(value));
      if (!out.emplace(key.text, std::move(read)).second) return broken(key.text, "there once, not twice");
    }
    LB_CHECK(expect(YAML_DOCUMENT_END_EVENT));
    LB_CHECK(expect(YAML_STREAM_END_EVENT));
    return out;
  }

 private:
  struct Event {
    yaml_event_type_t type = YAML_NO_EVENT;
    std::string text;
  };

  Result<Event> next() {
    yaml_event_t raw;
    if (yaml_parser_parse(&parser_, &raw) != 1) {
      return broken(fmt::format("the front matter is not valid YAML (line {}: {})", parser_.problem_mark.line + 1,
                                parser_.problem != nullptr ? parser_.problem : "unknown"));
    }
    Event event{raw.type, {}};
    bool refused = raw.type == YAML_ALIAS_EVENT;
    if (raw.type == YAML_SCALAR_EVENT) {
      event.text.assign(reinterpret_cast<const char*>(raw.data.scalar.value), raw.data.scalar.length);
      refused = raw.data.scalar.anchor != nullptr || raw.data.scalar.tag != nullptr;
    } else if (raw.type == YAML_SEQUENCE_START_EVENT) {
      refused = raw.data.sequence_start.anchor != nullptr || raw.data.sequence_start.tag != nullptr;
    } else if (raw.type == YAML_MAPPING_START_EVENT) {
      refused = raw.data.mapping_start.anchor != nullptr || raw.data.mapping_start.tag != nullptr;
    }
    yaml_event_delete(&raw);
    if (refused) return broken("the front matter uses an anchor, an alias or a tag; write plain values");
    return event;
  }
  Status expect(yaml_event_type_t type) {
    LB_TRY(event, next());
    if (event.type != type) return broken("the front matter must be one list of `key: value` lines");
    return Ok{};
  }
  // Lists become words with spaces between them; what stands deeper is read over.
  Result<Value> value_of(const Event& first) {
    if (first.type == YAML_SCALAR_EVENT) return Value{Value::Kind::text, first.text};
    Value value{first.type == YAML_SEQUENCE_START_EVENT ? Value::Kind::list : Value::Kind::map, {}};
    int depth = 1;
    while (depth > 0) {
      LB_TRY(event, next());
      switch (event.type) {
        case YAML_SEQUENCE_START_EVENT:
        case YAML_MAPPING_START_EVENT:
          if (++depth > kMaxDepth) return broken("the front matter nests too deep");
          break;
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT: --depth; break;
        case YAML_SCALAR_EVENT:
          if (depth == 1) value.text += (value.text.empty() ? "" : " ") + event.text;
          break;
        default: return broken("the front matter ends too early");
      }
    }
    return value;
  }

  yaml_parser_t parser_{};
  bool ready_ = false;
};

Result<std::string_view> front_matter(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const auto line_end = [](std::string_view rest) { return std::min(rest.find('\n'), rest.size()); };
  const auto is_rule = [](std::string_view line) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    return line == "---";
  };
  const std::size_t first = line_end(text);
  if (!is_rule(text.substr(0, first)) || first == text.size()) return broken("the first line must be ---");
  const std::string_view rest = text.substr(first + 1);
  for (std::size_t at = 0; at < rest.size() && at <= kMaxFrontMatter;) {
    const std::size_t end = at + line_end(rest.substr(at));
    if (is_rule(rest.substr(at, end - at))) return rest.substr(0, at);
    at = end + 1;
  }
  return broken(fmt::format("the front matter must end with a line --- within {} bytes", kMaxFrontMatter));
}

Result<std::string> text_of(const FrontMatter& front, std::string_view key, std::size_t limit, bool required) {
  const auto found = front.find(key);
  const std::string expected = fmt::format("text of 1 to {} bytes", limit);
  if (found == front.end()) return required ? Result<std::string>(broken(key, expected)) : std::string();
  const Value& value = found->second;
  if (value.kind != Value::Kind::text || value.text.empty() || value.text.size() > limit ||
      !is_plain_text(value.text, true)) {
    return broken(key, expected);
  }
  return value.text;
}

bool is_agent_skill_name(std::string_view name) {
  bool dash = true;  // none at the beginning, none twice
  for (const char c : name) {
    if (c == '-' ? dash : !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) return false;
    dash = c == '-';
  }
  return !dash && name.size() <= 64;
}

}  // namespace

Result<SkillManifest> parse_skill_md(std::string_view text) {
  if (text.size() > kMaxSkillMdBytes) {
    return make_error(Code::too_large,
                      fmt::format("SKILL.md is {} bytes long; at most {} are read.", text.size(), kMaxSkillMdBytes));
  }
  if (!is_utf8(text) || text.find('\0') != std::string_view::npos) {
    return broken("it is not valid UTF-8 text; save it as UTF-8");
  }
  LB_TRY(yaml, front_matter(text));
  Reader reader(yaml);
  LB_TRY(front, reader.read());
  SkillManifest manifest;
  LB_TRY(name, text_of(front, "name", 64, true));
  if (!is_agent_skill_name(name)) {
    return broken("name", "lower-case letters, digits and single hyphens between them, at most 64");
  }
  LB_TRY(description, text_of(front, "description", 1024, true));
  LB_CHECK(text_of(front, "license", 500, false));
  LB_CHECK(text_of(front, "compatibility", 500, false));
  if (const auto tools = front.find("allowed-tools");
      tools != front.end() && (tools->second.kind == Value::Kind::map || !is_plain_text(tools->second.text, true))) {
    return broken("allowed-tools", "names of tools with spaces between them");
  }
  if (const auto metadata = front.find("metadata");
      metadata != front.end() && metadata->second.kind != Value::Kind::map) {
    return broken("metadata", "a list of `key: value` lines");
  }
  manifest.name = name;
  manifest.display_name = name;
  for (char& c : manifest.display_name) c = c == '-' ? ' ' : c;
  if (manifest.display_name[0] >= 'a')
    manifest.display_name[0] = static_cast<char>(manifest.display_name[0] - 'a' + 'A');
  manifest.description = std::move(description);
  manifest.version = "1.0.0";
  manifest.author = "Libre Bird";
  manifest.icon = "📄";
  manifest.category = "instructions";
  manifest.runtime = kInstructionSkill;
  return manifest;
}

}  // namespace librebird::manifest
