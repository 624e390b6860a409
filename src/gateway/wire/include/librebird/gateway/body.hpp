#pragma once

// Strict reading of a JSON object from outside: every key must be asked for, of the right type and within its bounds.
//
//   LB_TRY(body, Body::parse(text));
//   LB_TRY(title, body.optional_text("title", 200));
//   LB_CHECK(body.done());    // unknown keys are an error
//
// All errors are invalid_argument and name the key. A value; any thread. JSON nests at most 32 deep.

#include <librebird/base/result.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::gateway {

class Body {
 public:
  // `text` empty is read as {}.
  static Result<Body> parse(std::string_view text);
  Body(Body&&) noexcept;
  Body& operator=(Body&&) noexcept;
  ~Body();

  // Present, a string, valid UTF-8 without NUL, 1 to `limit` bytes.
  Result<std::string> text(std::string_view key, std::size_t limit);
  Result<std::optional<std::string>> optional_text(std::string_view key, std::size_t limit);
  Result<std::optional<bool>> optional_flag(std::string_view key);
  Result<std::optional<std::int64_t>> optional_integer(std::string_view key, std::int64_t least, std::int64_t most);
  Result<std::optional<double>> optional_number(std::string_view key, double least, double most);
  // Empty when absent; at most `count` strings of 1 to `limit` bytes.
  Result<std::vector<std::string>> texts(std::string_view key, std::size_t count, std::size_t limit);
  // A nested object, to be read and done() in turn.
  Result<std::optional<Body>> optional_object(std::string_view key);
  // Empty when absent; each to be read and done() in turn.
  Result<std::vector<Body>> objects(std::string_view key, std::size_t count);
  // Any JSON value, as text; nullopt when absent.
  Result<std::optional<std::string>> optional_json(std::string_view key);
  // Whether the key is there, be it with null (which the readers above take as absent).
  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] Status done() const;

 private:
  struct State;
  explicit Body(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace librebird::gateway
