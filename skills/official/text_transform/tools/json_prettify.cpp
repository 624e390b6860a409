// Formats JSON token by token: numbers and strings stay exactly as written (no digit is lost).
#include <librebird/skills/tool.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::skills {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxDepth = 200;

// A value with its text; members and items in the order written.
struct Node {
  std::string_view key;  // with its quotes; empty for an array's items
  char kind = 'v';       // 'o' object, 'a' array, 'v' anything else
  std::string_view text;
  std::vector<Node> members;
};

// Reads text that was found valid before, so it only has to find the boundaries.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Node value() {
    space();
    Node node;
    if (text_[at_] == '{' || text_[at_] == '[') {
      const bool object = text_[at_] == '{';
      const char close = object ? '}' : ']';
      node.kind = object ? 'o' : 'a';
      ++at_;
      for (space(); text_[at_] != close; space()) {
        std::string_view key;
        if (object) {
          key = token();
          space();
          ++at_;  // the colon
        }
        Node item = value();
        item.key = key;
        add(node, std::move(item));
        space();
        if (text_[at_] == ',') ++at_;
      }
      ++at_;
    } else {
      node.text = token();
    }
    return node;
  }

 private:
  // Of two members with one key the last counts, as for every reader of JSON.
  static void add(Node& node, Node item) {
    if (node.kind == 'o') {
      const auto known = std::ranges::find(node.members, item.key, &Node::key);
      if (known != node.members.end()) {
        *known = std::move(item);
        return;
      }
    }
    node.members.push_back(std::move(item));
  }

  std::string_view token() {
    const std::size_t start = at_;
    if (text_[at_] == '"') {
      for (++at_; text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\') ++at_;
      }
      ++at_;
    } else {
      while (at_ < text_.size() && std::string_view(",]} \t\r\n").find(text_[at_]) == std::string_view::npos) ++at_;
    }
    return text_.substr(start, at_ - start);
  }

  void space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

void sort_keys(Node& node) {
  if (node.kind == 'o') std::ranges::sort(node.members, {}, &Node::key);
  for (Node& member : node.members) sort_keys(member);
}

void write(std::string& out, const Node& node, bool pretty, std::size_t depth) {
  if (node.kind == 'v') {
    out += node.text;
    return;
  }
  const auto new_line = [&](std::size_t indent) {
    if (pretty) out.append(1, '\n').append(indent * 2, ' ');
  };
  out += node.kind == 'o' ? '{' : '[';
  bool first = true;
  for (const Node& member : node.members) {
    if (!first) out += ',';
    first = false;
    new_line(depth + 1);
    if (node.kind == 'o') out.append(member.key).append(pretty ? ": " : ":");
    write(out, member, pretty, depth + 1);
  }
  if (!first) new_line(depth);
  out += node.kind == 'o' ? '}' : ']';
}

std::string_view python_type(const json::value& value) {
  switch (value.kind()) {
    case json::kind::object: return "dict";
    case json::kind::array: return "list";
    case json::kind::string: return "str";
    case json::kind::bool_: return "bool";
    case json::kind::null: return "NoneType";
    case json::kind::double_: return "float";
    default: return "int";
  }
}

struct Checked {
  json::value value;
  boost::system::error_code error;
  std::size_t position = 0;
};

Checked check(std::string_view text) {
  Checked checked;
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::stream_parser parser({}, options);
  checked.position = parser.write_some(text.data(), text.size(), checked.error);
  if (!checked.error && checked.position < text.size()) {
    const std::size_t extra = text.find_first_not_of(" \t\r\n", checked.position);
    if (extra != std::string_view::npos) {
      checked.position = extra;
      checked.error = json::make_error_code(json::error::extra_data);
    }
  }
  if (!checked.error) parser.finish(checked.error);
  if (!checked.error) checked.value = parser.release();
  return checked;
}

}  // namespace

Result<json::object> json_prettify(const json::object& arguments, ToolContext& /*context*/) {
  LB_TRY(text, text_argument(arguments, "text"));
  LB_TRY(action, text_argument(arguments, "action", "prettify"));
  if (action != "prettify" && action != "minify" && action != "sort") {
    return make_error(Code::invalid_argument, "action must be prettify, minify or sort.");
  }
  const Checked checked = check(text);
  if (checked.error) {
    return json::object{{"valid", false},
                        {"error", checked.error.message()},
                        {"position", count_characters(std::string_view(text).substr(0, checked.position))}};
  }
  Node root = Reader(text).value();
  if (action == "sort") sort_keys(root);
  std::string out;
  write(out, root, action != "minify", 0);
  json::object result{{"result", out}, {"valid", true}, {"type", python_type(checked.value)}};
  result["keys"] = nullptr;
  result["length"] = nullptr;
  if (const json::object* object = checked.value.if_object()) {
    json::array keys;
    for (const auto& [key, member] : *object) keys.emplace_back(key);
    result["keys"] = std::move(keys);
    result["length"] = object->size();
  } else if (const json::array* array = checked.value.if_array()) {
    result["length"] = array->size();
  } else if (const json::string* string = checked.value.if_string()) {
    result["length"] = count_characters(*string);
  }
  return result;
}

}  // namespace librebird::skills
