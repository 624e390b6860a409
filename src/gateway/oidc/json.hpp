#pragma once

// Reading what providers send: bounded, and into values of our own at once. Pure, any thread. Private.

#include <boost/json/object.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::gateway::oidc {

// nullopt: no JSON object, or nested too deeply.
[[nodiscard]] std::optional<boost::json::object> parse_object(std::string_view text);
// Empty: absent, or no text.
[[nodiscard]] std::string text_at(const boost::json::object& object, std::string_view key);
[[nodiscard]] std::vector<std::string> texts_at(const boost::json::object& object, std::string_view key);
// A number of seconds; fractions are cut off.
[[nodiscard]] std::optional<std::int64_t> seconds_at(const boost::json::object& object, std::string_view key);
// True, or the text "true" that some send; nothing else.
[[nodiscard]] bool flag_at(const boost::json::object& object, std::string_view key);

// RFC 7515's base64url, strictly. nullopt: anything else.
[[nodiscard]] std::optional<std::string> from_base64url(std::string_view text);
[[nodiscard]] std::string to_base64url(std::string_view bytes);

}  // namespace librebird::gateway::oidc
