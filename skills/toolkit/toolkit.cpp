#include <librebird/skills/tool.hpp>

#include <librebird/base/utf8.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <new>

namespace librebird::skills {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxDepth = 64;

std::string failure(std::string_view message) { return json::serialize(json::object{{"error", message}}); }

// As json::serialize, but 409.5 where that writes 4.095E2: models and people read the answers.
void write_value(std::string& out, const json::value& value) {
  if (const double* number = value.if_double()) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), *number).ptr;
    out.append(text.data(), end);
  } else if (const json::object* object = value.if_object()) {
    char separator = '{';
    for (const auto& [key, member] : *object) {
      out += separator;
      out += json::serialize(json::string_view(key));
      out += ':';
      write_value(out, member);
      separator = ',';
    }
    out += separator == '{' ? "{}" : "}";
  } else if (const json::array* array = value.if_array()) {
    char separator = '[';
    for (const json::value& item : *array) {
      out += separator;
      write_value(out, item);
      separator = ',';
    }
    out += separator == '[' ? "[]" : "]";
  } else {
    out += json::serialize(value);
  }
}

std::int64_t integer_or(const json::object& object, std::string_view key, std::int64_t absent) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_int64() ? value->as_int64() : absent;
}

std::string text_or(const json::object& object, std::string_view key, std::string_view absent) {
  const json::value* value = object.if_contains(key);
  return std::string(value != nullptr && value->is_string() ? std::string_view(value->as_string()) : absent);
}

ToolContext context_of(const json::object& request) {
  ToolContext context;
  context.now = integer_or(request, "now", 0);
  if (const json::value* zone = request.if_contains("zone"); zone != nullptr && zone->is_object()) {
    const json::object& fields = zone->as_object();
    context.zone.name = text_or(fields, "name", "UTC");
    context.zone.abbreviation = text_or(fields, "abbreviation", "UTC");
    context.zone.offset_seconds = static_cast<int>(integer_or(fields, "offset_seconds", 0));
  }
  context.work_directory = text_or(request, "work_directory", context.work_directory);
  context.egress_socket = text_or(request, "egress_socket", context.egress_socket);
  return context;
}

Error wrong(std::string message) { return make_error(Code::invalid_argument, std::move(message)); }

Result<json::object> parse_request(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kMaxDepth + 2;
  json::value request = json::parse({text.data(), text.size()}, error, {}, options);
  if (error || !request.is_object()) return wrong("The request is not a JSON object.");
  return std::move(request.as_object());
}

// The tool's value as JSON text.
Result<std::string> run_tool(const json::object& request) {
  const std::string name = text_or(request, "tool", "");
  const auto tools = native_tools();
  const auto tool = std::ranges::find(tools, name, &NativeTool::name);
  if (tool == tools.end()) return wrong("Unknown tool: " + name);
  static const json::object kNone;
  const json::value* arguments = request.if_contains("arguments");
  const bool given = arguments != nullptr && arguments->is_object();
  ToolContext context = context_of(request);
  LB_TRY(result, tool->run(given ? arguments->as_object() : kNone, context));
  std::string text;
  write_value(text, json::value(std::move(result)));
  return text;
}

Result<std::string> answer_unguarded(std::string_view request_text) {
  LB_TRY(request, parse_request(request_text));
  return run_tool(request);
}

// Whatever a tool throws is its failure, said in one sentence.
template <class Work>
Result<std::string> guarded(Work work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return make_error(Code::internal, "The tool ran out of memory; give it less at a time.");
  } catch (const std::exception& thrown) {
    return make_error(Code::internal, std::string("The tool failed: ") + to_valid_utf8(thrown.what()));
  }
}

std::string describe() {
  json::array tools;
  for (const NativeTool& tool : native_tools()) {
    const json::object function{{"name", tool.name}};
    tools.push_back(json::object{{"type", "function"}, {"function", function}});
  }
  return json::serialize(json::object{{"type", "tools"}, {"tools", std::move(tools)}});
}

}  // namespace

Result<std::string> text_argument(const json::object& arguments, std::string_view key) {
  const json::value* value = arguments.if_contains(key);
  if (value == nullptr || value->is_null()) {
    return make_error(Code::invalid_argument, "The argument \"" + std::string(key) + "\" is missing.");
  }
  if (value->is_string()) return std::string(value->as_string());
  if (value->is_number() || value->is_bool()) return json::serialize(*value);
  return make_error(Code::invalid_argument, "The argument \"" + std::string(key) + "\" must be text.");
}

Result<std::string> text_argument(const json::object& arguments, std::string_view key, std::string_view absent) {
  const json::value* value = arguments.if_contains(key);
  if (value == nullptr || value->is_null()) return std::string(absent);
  return text_argument(arguments, key);
}

std::int64_t count_characters(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

std::string answer(std::string_view request) {
  const auto value = guarded([request] { return answer_unguarded(request); });
  return value ? *value : failure(value.error().message);
}

std::string serve_line(std::string_view line) {
  std::string id;
  std::string type;
  const auto value = guarded([&]() -> Result<std::string> {
    LB_TRY(request, parse_request(line));
    id = text_or(request, "id", "");
    type = text_or(request, "type", "");
    if (type == "describe") return describe();
    return type == "call" ? run_tool(request) : Result<std::string>(std::string());
  });
  if (value && type != "call") return *value;
  const std::string named = R"(,"id":)" + json::serialize(json::string_view(id));
  if (value) return R"({"type":"result")" + named + R"(,"value":)" + *value + "}";
  return R"({"type":"error")" + named + R"(,"message":)" + json::serialize(json::string_view(value.error().message)) +
         "}";
}

}  // namespace librebird::skills
