#include "json_text.hpp"

#include <boost/json.hpp>

namespace librebird::vault {
namespace {

namespace json = boost::json;

class Mapper {
 public:
  explicit Mapper(const TextMap& map) : map_(map) {}

  // Depth is bounded by the parser's.
  void visit(json::value& value) {
    switch (value.kind()) {
      case json::kind::string: {
        std::string made = map_(value.get_string());
        if (made != std::string_view(value.get_string())) {
          value.get_string() = made;
          changed_ = true;
        }
        break;
      }
      case json::kind::int64:
      case json::kind::uint64:
      case json::kind::double_: {
        const std::string digits = json::serialize(value);
        std::string made = map_(digits);
        if (made != digits) {
          value = json::string(made);
          changed_ = true;
        }
        break;
      }
      case json::kind::array:
        for (json::value& item : value.get_array()) visit(item);
        break;
      case json::kind::object: visit_object(value.get_object()); break;
      default: break;
    }
  }
  [[nodiscard]] bool changed() const { return changed_; }

 private:
  void visit_object(json::object& object) {
    json::object renamed(object.storage());
    bool keys_changed = false;
    for (auto& item : object) {
      visit(item.value());
      keys_changed = map_(item.key()) != std::string_view(item.key()) || keys_changed;
    }
    if (!keys_changed) return;
    for (auto& item : object) renamed.insert_or_assign(map_(item.key()), std::move(item.value()));
    object = std::move(renamed);
    changed_ = true;
  }

  const TextMap& map_;
  bool changed_ = false;
};

}  // namespace

std::string map_json_text(std::string_view text, const TextMap& map) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 128;
  json::value value = json::parse(text, error, {}, options);
  if (error) return map(text);
  Mapper mapper(map);
  mapper.visit(value);
  return mapper.changed() ? json::serialize(value) : std::string(text);
}

}  // namespace librebird::vault
