#include "outcome.hpp"

#include <librebird/base/utf8.hpp>

#include <boost/json.hpp>

#include <fmt/format.h>

#include <utility>

namespace librebird::hands {
namespace json = boost::json;
namespace {
constexpr std::size_t kMaxMessage = 16 * 1024;
}  // namespace

std::string error_json(std::string_view message) { return json::serialize(json::object{{"error", message}}); }

Outcome failed(std::string_view message, std::string detail) {
  return {ToolStatus::error, error_json(message), std::move(detail)};
}

Outcome reported_failure(std::string_view tool, std::string message) {
  if (message.size() > kMaxMessage) message = to_valid_utf8(message.substr(0, kMaxMessage));
  if (message.empty()) message = fmt::format("The tool {} failed and did not say why.", tool);
  return failed(message, "tool reported an error");
}

Outcome checked_answer(std::string text) {
  if (!is_utf8(text)) text = to_valid_utf8(text);
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 128;
  const json::value value = json::parse(text, error, {}, options);
  if (error) return failed("The tool's answer was not valid JSON.", "answer was not JSON");
  const bool soft =
      value.is_object() && value.as_object().contains("error") && !value.as_object().at("error").is_null();
  return {soft ? ToolStatus::error : ToolStatus::ok, std::move(text), soft ? "tool reported an error" : "", {}, {}};
}

}  // namespace librebird::hands
