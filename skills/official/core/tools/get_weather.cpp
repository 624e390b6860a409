// The current weather from wttr.in (its JSON format j1), through the egress fence.
#include <librebird/skills/fetch.hpp>
#include <librebird/skills/tool.hpp>

#include <boost/json.hpp>

#include <string>
#include <string_view>

namespace librebird::skills {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxLocation = 200;

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return std::string(value != nullptr && value->is_string() ? std::string_view(value->as_string()) : "?");
}

// The "value" of the first entry of the list `key`.
std::string first_value(const json::object& object, std::string_view key) {
  const json::value* list = object.if_contains(key);
  if (list == nullptr || !list->is_array() || list->as_array().empty() || !list->as_array()[0].is_object()) return "?";
  return text_of(list->as_array()[0].as_object(), "value");
}

Result<json::object> report(const std::string& location, const Fetched& fetched) {
  if (fetched.status == 404) return make_error(Code::not_found, "The weather service does not know this place.");
  if (fetched.status != 200) {
    return make_error(Code::unavailable,
                      "The weather service cannot be reached now (" + std::to_string(fetched.status) + ").");
  }
  boost::system::error_code error;
  const json::value parsed = json::parse(fetched.body, error);
  const json::value* list =
      !error && parsed.is_object() ? parsed.as_object().if_contains("current_condition") : nullptr;
  if (list == nullptr || !list->is_array() || list->as_array().empty() || !list->as_array()[0].is_object()) {
    return make_error(Code::unavailable, "The weather service gave an answer that cannot be read.");
  }
  const json::object& now = list->as_array()[0].as_object();
  return json::object{{"location", location},
                      {"temperature_f", text_of(now, "temp_F")},
                      {"temperature_c", text_of(now, "temp_C")},
                      {"feels_like_f", text_of(now, "FeelsLikeF")},
                      {"condition", first_value(now, "weatherDesc")},
                      {"humidity", text_of(now, "humidity") + "%"},
                      {"wind_mph", text_of(now, "windspeedMiles")},
                      {"wind_direction", text_of(now, "winddir16Point")}};
}

}  // namespace

Result<json::object> get_weather(const json::object& arguments, ToolContext& context) {
  LB_TRY(location, text_argument(arguments, "location"));
  Result<json::object> result = make_error(Code::invalid_argument, "The location must have 1 to 200 bytes.");
  if (!location.empty() && location.size() <= kMaxLocation) {
    auto fetched = fetch(context, "https://wttr.in/" + percent_encoded(location) + "?format=j1");
    result = fetched ? report(location, *fetched) : Result<json::object>(fetched.error());
  }
  if (result) return result;
  return json::object{{"location", location}, {"error", result.error().message}};
}

}  // namespace librebird::skills
