#pragma once

// Asking servers that strangers name: https at public addresses only, no redirects, small answers, deadlines; and
// reading what comes. Loop only (readers: any thread). Private.

#include <librebird/core/ports/http_client.hpp>

#include <boost/json/object.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::hands::oauth {

inline constexpr std::size_t kLargestAnswer = 256 * 1024;

struct Fetched {
  int status = 0;
  HttpHeaders headers;
  std::string body;
};

// invalid_argument: no address to ask (is_askable); unavailable, deadline_exceeded, too_large.
Task<Result<Fetched>> ask(HttpClient& http, HttpRequest request, std::stop_token stop);

// An https address without user, fragment, or any doubt about its host.
[[nodiscard]] bool is_askable(const std::string& url);
// "https://host[:port]" of an askable one.
[[nodiscard]] std::string origin_of(const std::string& url);
// Path without query, "/" at least.
[[nodiscard]] std::string path_of(const std::string& url);

// nullopt: no JSON object, or nested too deeply.
[[nodiscard]] std::optional<boost::json::object> read_object(std::string_view text);
// Empty: absent, or no text.
[[nodiscard]] std::string text_of(const boost::json::object& object, std::string_view key);
// Absent or no list: nullopt. What is no text in it is left out.
[[nodiscard]] std::optional<std::vector<std::string>> list_of(const boost::json::object& object, std::string_view key);
[[nodiscard]] std::int64_t number_of(const boost::json::object& object, std::string_view key);

}  // namespace librebird::hands::oauth
