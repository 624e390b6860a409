#pragma once

// The tool protocol, version 1: what we and the program that serves a skill's tools say to each other over its
// standard input and output, one JSON object a line (docs/tool-protocol.md is its public text).
//
//   process->write(encode_call(call));
//   LineDecoder decoder(limit);
//   LB_CHECK(decoder.feed(bytes, [&](ProgramMessage message) { ...; return true; }));
//
// Pure and bounded. What a program writes is untrusted: broken JSON or a line over the limit is an error, a type we do
// not know is left out. Thread rule: values, any thread.

#include <librebird/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace librebird::hands::protocol {

struct CallMessage {
  std::string id;
  std::string tool;
  std::string arguments_json = "{}";  // a valid JSON object on one line
  std::int64_t now = 0;               // Unix milliseconds
  std::string zone_name = "UTC";
  std::string zone_abbreviation = "UTC";
  long zone_offset_seconds = 0;
  std::string settings_json = "{}";   // a valid JSON object on one line
  std::string work_directory = "/work";
};

// Each ends with a line feed.
std::string encode_call(const CallMessage& call);
// `settings_json`: as in a call; empty: none are needed to say the tools.
std::string encode_describe(std::string_view settings_json = {});
std::string encode_cancel(std::string_view id);

struct ProgramMessage {
  enum class Type { ready, tools, output, progress, result, error, event };
  Type type = Type::ready;
  std::string id;          // of the call; empty if it named none
  std::string text;        // output: the text; error, progress: the message; event: its name
  double fraction = 0;     // progress: 0 to 1
  std::string value_json;  // result: the value; tools: the list; event: its data; as the program wrote it
};

// Turns the bytes of a program into its messages.
class LineDecoder {
 public:
  explicit LineDecoder(std::size_t most_line_bytes) : most_(most_line_bytes) {}

  // Calls `sink` for every message that is complete; stops early when it answers false. Errors: invalid_argument (a
  // line is no message), too_large (a line over the limit). After an error nothing is taken any more.
  Status feed(std::string_view bytes, const std::function<bool(ProgramMessage)>& sink);
  // The last line at the end of the output, which may lack its line feed.
  Status finish(const std::function<bool(ProgramMessage)>& sink);

 private:
  Result<bool> take_line(std::string_view line, const std::function<bool(ProgramMessage)>& sink);

  std::size_t most_;
  std::string pending_;
  bool broken_ = false;
};

}  // namespace librebird::hands::protocol
