#pragma once

// What running a tool came to, before it is audited and told to the model.

#include <librebird/core/model/approval.hpp>
#include <librebird/core/model/tool.hpp>

#include <string>
#include <string_view>

namespace librebird::hands {

struct Outcome {
  ToolStatus status = ToolStatus::ok;
  std::string content_json;
  std::string detail;  // for the audit row; no arguments
  ToolUsage used;  // processor time and bytes; the broker counts the rest
};

// {"error": message}
std::string error_json(std::string_view message);
Outcome failed(std::string_view message, std::string detail);
// A tool's answer, ours to bound and to check: valid UTF-8, valid JSON. A soft failure is an object with "error".
Outcome checked_answer(std::string text);

}  // namespace librebird::hands
