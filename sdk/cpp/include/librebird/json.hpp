#pragma once

// One JSON value, for skills: small, strict, no dependencies. Members keep their order. What is asked of a value that
// it is not is a std::runtime_error with a sentence for the model.

#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace librebird {

class Json {
 public:
  using Member = std::pair<std::string, Json>;  // name and value
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  template <class Number, std::enable_if_t<std::is_integral_v<Number> && !std::is_same_v<Number, bool>, int> = 0>
  Json(Number value) : value_(static_cast<std::int64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  static Json object(std::initializer_list<Member> members = {}) { return Json(Object(members)); }
  static Json array(std::initializer_list<Json> items = {}) { return Json(Array(items)); }

  // Strict RFC 8259, at most 128 levels deep. Throws std::invalid_argument with the offset.
  static Json parse(std::string_view text);
  // On one line. Text that is not UTF-8 is repaired; a number that JSON cannot hold becomes null.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
  [[nodiscard]] bool is_bool() const { return std::holds_alternative<bool>(value_); }
  [[nodiscard]] bool is_number() const;
  [[nodiscard]] bool is_text() const { return std::holds_alternative<std::string>(value_); }
  [[nodiscard]] bool is_array() const { return std::holds_alternative<Array>(value_); }
  [[nodiscard]] bool is_object() const { return std::holds_alternative<Object>(value_); }

  [[nodiscard]] bool as_bool() const;
  [[nodiscard]] std::int64_t as_integer() const;  // 5.0 too
  [[nodiscard]] double as_number() const;
  [[nodiscard]] const std::string& as_text() const;
  [[nodiscard]] const Array& as_array() const;
  [[nodiscard]] const Object& as_object() const;
  // The same, with a value for null: `arguments["unit"].text_or("C")`.
  [[nodiscard]] std::string text_or(std::string_view absent) const {
    return is_null() ? std::string(absent) : as_text();
  }
  [[nodiscard]] std::int64_t integer_or(std::int64_t absent) const { return is_null() ? absent : as_integer(); }
  [[nodiscard]] double number_or(double absent) const { return is_null() ? absent : as_number(); }
  [[nodiscard]] bool bool_or(bool absent) const { return is_null() ? absent : as_bool(); }

  // The member, or null where there is none.
  [[nodiscard]] const Json& operator[](std::string_view key) const;
  // Makes it; null becomes an object first.
  Json& operator[](std::string_view key);
  void push_back(Json item);  // null becomes an array first

 private:
  void write(std::string& out) const;
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> value_ = nullptr;
};

}  // namespace librebird
