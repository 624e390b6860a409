#pragma once

// Journal steps and message parts as the JSON text that is stored. Pure functions; any thread.
// Broken UTF-8 becomes U+FFFD on the way in, so that nothing stored is ever unreadable.

#include <librebird/base/result.hpp>
#include <librebird/core/model/conversation.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::storage {

[[nodiscard]] std::string encode_step(const TurnStep& step);
// data_loss: not what encode_step() wrote.
Result<TurnStep> decode_step(int index, std::string_view text);

// nullopt: the parts are exactly the text, and need not be stored.
[[nodiscard]] std::optional<std::string> encode_parts(const std::vector<MessagePart>& parts, std::string_view content);
Result<std::vector<MessagePart>> decode_parts(const std::optional<std::string>& text, std::string_view content);

// Well-formed UTF-8 without NUL, which PostgreSQL cannot store.
[[nodiscard]] std::string clean_text(std::string text);
[[nodiscard]] std::optional<std::string> clean_text(std::optional<std::string> text);
// invalid_argument: not a day that exists, written YYYY-MM-DD.
[[nodiscard]] Status check_day(std::string_view text);
// At most 60 characters of the first line that is not blank.
[[nodiscard]] std::string title_of(std::string_view content);

}  // namespace librebird::storage
