#pragma once

// Structured logs: one JSON object a line on standard error, with request and trace ids as fields.
//
//   log::info("turn finished", {{"turn_id", id}, {"ms", 12}});
//
// Thread-safe. A line is handed to a bounded queue and written by one background thread once start_writer() was
// called; when the reader of standard error stalls, the oldest lines are dropped and counted, callers never wait.
// Never log a secret, a message's text or a tool's arguments.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace librebird::log {

enum class Level { debug, info, warn, error };

struct Field {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, double, bool> value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  template <class Int>
    requires std::is_integral_v<Int>
  Field(std::string_view k, Int v) : key(k), value(static_cast<std::int64_t>(v)) {}
};

// Lines below this level are not made. Default: info.
void set_level(Level level);
[[nodiscard]] bool enabled(Level level);

// Looks at every line (a JSON object, without its newline) before it is written, and answers what is to be written: the
// last safeguard against secrets in the log. Set once, before the first line; called on the logging thread.
using Filter = std::string (*)(std::string line);
void set_filter(Filter filter);

// Starts the background writer; lines before that (and in command-line tools) are written at once.
// Stops and flushes when the returned object dies.
class Writer {
 public:
  Writer();
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
};

void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});

inline void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::debug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::info, message, fields);
}
inline void warn(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::warn, message, fields);
}
inline void error(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::error, message, fields);
}

}  // namespace librebird::log
