#pragma once

// What a call would do, from its tool's declaration and its arguments: which hosts, which program. Decided on values
// alone: an argv array has a program; text for a shell has none and is never taken apart. Pure; any thread.

#include <librebird/core/model/approval.hpp>

#include <string_view>

namespace librebird::hands {

// `arguments_json` fits the tool's schema.
[[nodiscard]] ToolUse use_of(const ToolSpec& tool, std::string_view arguments_json);

// The host of an http, https, ws or wss address, in lower case; empty when it is none.
[[nodiscard]] std::string host_of(std::string_view address);

}  // namespace librebird::hands
