#pragma once

// What the author of a native tool includes. A tool is one pure function in skills/official/<skill>/tools/<tool>.cpp:
//
//   namespace librebird::skills {
//   Result<boost::json::object> calculator(const boost::json::object& arguments, ToolContext& context);
//   }
//
// It runs inside the sandbox, once per process. An error becomes {"error": message} for the model. Arguments were
// checked against the tool's schema before, but a tool must not rely on it. Time and zone come from the context only.

#include <librebird/base/result.hpp>

#include <boost/json/fwd.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace librebird::skills {

struct TimeZone {
  std::string name = "UTC";          // "Europe/Berlin"
  std::string abbreviation = "UTC";  // "CET"
  int offset_seconds = 0;            // east of UTC, at this moment
};

struct ToolContext {
  std::int64_t now = 0;  // Unix milliseconds
  TimeZone zone;
  std::string work_directory = "/work";
  std::string egress_socket = "/run/egress/fence.sock";
};

using ToolFunction = Result<boost::json::object> (*)(const boost::json::object& arguments, ToolContext& context);

struct NativeTool {
  std::string_view name;
  ToolFunction run;
};

// The generated table of all native tools.
std::span<const NativeTool> native_tools();

// The text argument `key`; numbers and booleans are accepted as text. An error if it is absent or something else.
Result<std::string> text_argument(const boost::json::object& arguments, std::string_view key);
// The same, with a default for an absent or null one.
Result<std::string> text_argument(const boost::json::object& arguments, std::string_view key, std::string_view absent);

// Unicode code points in well-formed UTF-8: what users call characters.
std::int64_t count_characters(std::string_view text);

// Runs one request `{"tool","arguments","now","zone":{...}}` and gives the JSON answer: the tool's value, or
// {"error": ...}. Never throws.
std::string answer(std::string_view request);

// One line of the tool protocol (docs/tool-protocol.md) to the program, and the line it answers with, without line
// feed; empty: nothing to say. Never throws.
std::string serve_line(std::string_view line);

}  // namespace librebird::skills
