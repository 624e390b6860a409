#pragma once

// Bytes of a protocol as text: case, tokens, encodings. Pure; any thread.

#include <optional>
#include <string>
#include <string_view>

namespace librebird::egress {

[[nodiscard]] std::string lower(std::string_view text);
[[nodiscard]] bool same(std::string_view a, std::string_view b);  // ASCII case does not matter
[[nodiscard]] bool is_token(std::string_view text);               // RFC 9110, section 5.6.2
[[nodiscard]] bool is_field_value(std::string_view text);         // no control characters but tab
[[nodiscard]] std::string_view trim(std::string_view text);
// Takes the next member of a comma-separated list off `list`.
[[nodiscard]] std::string_view next_member(std::string_view& list);
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit);  // for messages

[[nodiscard]] std::string percent_encoded(std::string_view text);  // all but unreserved characters
[[nodiscard]] std::string json_escaped(std::string_view text);     // what stands between the quotes
[[nodiscard]] std::string base64(std::string_view text);
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace librebird::egress
