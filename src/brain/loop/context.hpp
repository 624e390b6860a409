#pragma once

// What the model is shown: the system text, the bounded history, and tool results. Pure functions.

#include <librebird/base/clock.hpp>
#include <librebird/core/model/chat.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace librebird::brain::loop {

// `base` empty: the built-in prompt. `tools_problem`: why there are no tools at this moment, or empty.
[[nodiscard]] std::string system_text(std::string_view base, UnixMillis now, std::string_view tools_problem);

// System text first (with the history's own system messages merged into it; none at all if both are empty), then the
// history without its oldest messages so that it fits into `limit` bytes. The last user message and what follows it
// always stay. Every tool message follows the call it answers, and every call is answered: vendors refuse the rest.
[[nodiscard]] std::vector<ChatMessage> make_context(std::string system, std::vector<ChatMessage> history,
                                                    std::size_t limit);

// A result as the model sees it: JSON text, cut at `limit` bytes with a note that says so.
[[nodiscard]] std::string tool_content(const ToolResult& result, std::size_t limit);

[[nodiscard]] std::size_t size_of(const ChatMessage& message);

// {"error": text}
[[nodiscard]] std::string error_json(std::string_view text);

}  // namespace librebird::brain::loop
