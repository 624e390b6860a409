#pragma once

// Reading a chat completion request (OpenAI API reference, "Create chat completion"). Pure, any thread.

#include <librebird/base/result.hpp>
#include <librebird/core/ports/brain_service.hpp>

#include <string>
#include <string_view>

namespace librebird::gateway {

struct CompletionCall {
  ChatRequest chat;         // without ids and principal
  std::string model;        // as asked for
  bool stream = false;
  bool include_usage = false;
};

// Unknown keys are ignored, as OpenAI's clients send many; a known key of the wrong type is invalid_argument.
[[nodiscard]] Result<CompletionCall> parse_completion(std::string_view body);

}  // namespace librebird::gateway
