#pragma once

// What running a tool came to, before it is audited and told to the model.

#include <librebird/core/model/approval.hpp>
#include <librebird/core/model/tool.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace librebird::hands {

struct Outcome {
  ToolStatus status = ToolStatus::ok;
  std::string content_json;
  std::string detail;  // for the audit row; no arguments
  ToolUsage used;  // processor time and bytes (output and network); the broker counts the rest
  bool turned_away = false;  // a server wanted to know who asks before it did anything
  std::string challenge;  // of a server that refused who asks (403); empty: it says nothing
  std::string egress;  // what it asked the network for, and what was decided; a row of its own
};

// {"error": message}
std::string error_json(std::string_view message);
Outcome failed(std::string_view message, std::string detail);
// What a tool says went wrong, bounded.
Outcome reported_failure(std::string_view tool, std::string message);
// A tool's answer, ours to bound and to check: valid UTF-8, valid JSON. A soft failure is an object with "error".
Outcome checked_answer(std::string text);

}  // namespace librebird::hands
