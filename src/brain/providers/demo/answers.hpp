#pragma once

// The demo's sentences. Deterministic and pure. Every answer ends with kNotice.

#include "intents.hpp"

#include <librebird/core/model/chat.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace librebird::brain::demo {

inline constexpr std::string_view kNotice = "(This is Libre Bird's offline demo stand-in, not a real model.)";

// What a tool's result says, in a sentence or two. `content` is JSON, perhaps followed by notes.
[[nodiscard]] std::string describe(const ToolCall& call, std::string_view content);
// A wish whose tool is not offered.
[[nodiscard]] std::string describe_missing(std::string_view tool);

[[nodiscard]] std::string greeting();
[[nodiscard]] std::string help();
[[nodiscard]] std::string fallback();

}  // namespace librebird::brain::demo
