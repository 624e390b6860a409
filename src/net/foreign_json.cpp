#include <librebird/net/foreign_json.hpp>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <cmath>

namespace librebird::net {

namespace json = boost::json;

std::optional<json::object> parse_object(std::string_view text) {
  boost::system::error_code failure;
  json::parse_options options;
  options.max_depth = 12;
  json::value value = json::parse({text.data(), text.size()}, failure, {}, options);
  if (failure || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::string text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(std::string_view(*text));
}

std::vector<std::string> texts_at(const json::object& object, std::string_view key) {
  std::vector<std::string> out;
  const auto* value = object.if_contains(key);
  if (value == nullptr) return out;
  if (const auto* one = value->if_string()) out.emplace_back(std::string_view(*one));
  if (const auto* many = value->if_array()) {
    for (const json::value& entry : *many) {
      if (const auto* text = entry.if_string()) out.emplace_back(std::string_view(*text));
    }
  }
  return out;
}

std::optional<std::int64_t> integer_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = value->if_int64()) return *number;
  const auto* number = value->if_double();
  if (number == nullptr || !std::isfinite(*number) || std::abs(*number) > 1e15) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

bool flag_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return false;
  return value->is_bool() ? value->get_bool() : text_at(object, key) == "true";
}

}  // namespace librebird::net
