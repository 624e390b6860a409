#pragma once

// Checks what a model wrote as a tool's arguments against the tool's JSON Schema, and says what is wrong in words a
// model can act on. Pure after construction; loop only.

#include <librebird/base/result.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace librebird::hands {

inline constexpr std::size_t kMaxArgumentBytes = 256 * 1024;
inline constexpr std::size_t kMaxArgumentDepth = 32;

class ArgumentChecker {
 public:
  // Errors: invalid_argument (the schema itself is broken).
  static Result<ArgumentChecker> create(const std::string& schema_json);
  ArgumentChecker(ArgumentChecker&&) noexcept;
  ArgumentChecker& operator=(ArgumentChecker&&) noexcept;
  ~ArgumentChecker();

  // The arguments as one JSON object that fits the schema: a number written as text is made a number where the schema
  // wants one, and the other way round. Empty input is the empty object. Errors: invalid_argument, too_large.
  [[nodiscard]] Result<std::string> check(std::string_view arguments) const;

 private:
  struct Impl;
  explicit ArgumentChecker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace librebird::hands
