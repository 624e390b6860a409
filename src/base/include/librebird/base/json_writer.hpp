#pragma once

// Writes JSON text (RFC 8259) straight into a string: the fast path out. Parsing is Boost.JSON's, at the edges.
//
//   JsonWriter json;
//   json.begin_object().field("id", id).field("count", 3).key("items").begin_array();
//   json.end_array().end_object();
//   std::string text = std::move(json).take();
//
// A value type; the caller keeps the nesting right (asserted).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace librebird {

// Appends `text` as the inside of a JSON string; broken UTF-8 becomes U+FFFD.
void append_json_escaped(std::string& out, std::string_view text);

class JsonWriter {
 public:
  JsonWriter() { out_.reserve(256); }

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(bool flag) { return raw(flag ? "true" : "false"); }
  JsonWriter& value(double number);
  template <class Int>
    requires(std::is_integral_v<Int> && !std::is_same_v<Int, bool>)
  JsonWriter& value(Int number) {
    return raw(std::to_string(number));
  }
  template <class T>
  JsonWriter& value(const std::optional<T>& maybe) {
    return maybe ? value(*maybe) : null();
  }
  JsonWriter& null() { return raw("null"); }
  // `json` is already valid JSON text.
  JsonWriter& raw(std::string_view json);

  template <class T>
  JsonWriter& field(std::string_view name, const T& v) {
    return key(name).value(v);
  }
  JsonWriter& raw_field(std::string_view name, std::string_view json) { return key(name).raw(json); }

  [[nodiscard]] const std::string& text() const { return out_; }
  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  JsonWriter& open(char c);
  JsonWriter& close(char c);
  void separate();

  std::string out_;
  bool comma_ = false;
};

}  // namespace librebird
