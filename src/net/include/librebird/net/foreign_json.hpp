#pragma once

// Reading JSON that other people's servers send: bounded in depth, and into values of our own at once. What is absent
// or of another type reads as empty; whoever needs it checks for that. Pure, any thread; never throws.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// <boost/json/object.hpp>, which who reads includes.
namespace boost::json {
class object;
}  // namespace boost::json

namespace librebird::net {

// nullopt: no JSON object, or nested too deeply.
[[nodiscard]] std::optional<boost::json::object> parse_object(std::string_view text);
// Empty: absent, or no text.
[[nodiscard]] std::string text_at(const boost::json::object& object, std::string_view key);
// One text, or a list of them; what is no text in it is left out.
[[nodiscard]] std::vector<std::string> texts_at(const boost::json::object& object, std::string_view key);
// A number of seconds or milliseconds; fractions are cut off.
[[nodiscard]] std::optional<std::int64_t> integer_at(const boost::json::object& object, std::string_view key);
// True, or the text "true" that some send; nothing else.
[[nodiscard]] bool flag_at(const boost::json::object& object, std::string_view key);

}  // namespace librebird::net
