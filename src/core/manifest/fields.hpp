#pragma once

// Strict reading of one JSON object of a manifest: every key of the right type and within its bounds. Private.

#include <librebird/base/result.hpp>

#include <boost/json.hpp>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::manifest {

// "skill.json, key `settings.token.type`: must be ..., not ...".
[[nodiscard]] Error wrong(std::string_view key, std::string_view expected);
[[nodiscard]] Error wrong(std::string_view key, std::string_view expected, const boost::json::value& found);
// No control characters but, if `lines`, newline and tab; valid UTF-8.
[[nodiscard]] bool is_plain_text(std::string_view text, bool lines);

class Fields {
 public:
  // `path` is where the object stands: "" or "settings.token".
  Fields(const boost::json::object& object, std::string path) : object_(object), path_(std::move(path)) {}

  [[nodiscard]] std::string at(std::string_view key) const;
  // Null when absent.
  const boost::json::value* take(std::string_view key);
  [[nodiscard]] bool has(std::string_view key) const { return object_.contains(key); }
  Result<std::string> text(std::string_view key, std::string_view absent, std::size_t limit, bool lines = false);
  Result<bool> flag(std::string_view key, bool absent);
  Result<std::int64_t> integer(std::string_view key, std::int64_t absent, std::int64_t least, std::int64_t most);
  Result<std::vector<std::string>> texts(std::string_view key, std::size_t count, std::size_t limit);
  // Null when absent.
  Result<const boost::json::object*> object(std::string_view key);
  // Keys that nobody took are an error; "$schema" and "x-..." are free.
  [[nodiscard]] Status done() const;

 private:
  const boost::json::object& object_;
  std::string path_;
  std::set<std::string, std::less<>> seen_;
};

}  // namespace librebird::manifest
