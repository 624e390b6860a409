// The bodies of the REST interface on any bytes, read as every handler reads its own.
// fuzz-links: librebird_gateway_wire
#include <librebird/gateway/body.hpp>

#include <librebird/base/utf8.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using librebird::gateway::Body;

void require(bool true_thing) {
  if (!true_thing) std::abort();
}

template <class T>
bool good(const librebird::Result<T>& result) {
  if (!result) require(!result.error().message.empty() && librebird::is_utf8(result.error().message));
  return result.ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto body = Body::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!good(body)) return 0;
  if (const auto text = body->text("content", 32); good(text)) {
    require(!text->empty() && text->size() <= 32 && librebird::is_utf8(*text));
  }
  if (const auto title = body->optional_text("title", 8); good(title) && *title) require((*title)->size() <= 8);
  good(body->optional_flag("archived"));
  if (const auto limit = body->optional_integer("limit", 1, 200); good(limit) && *limit) {
    require(**limit >= 1 && **limit <= 200);
  }
  if (const auto number = body->optional_number("temperature", 0, 2); good(number) && *number) {
    require(**number >= 0 && **number <= 2);
  }
  if (const auto json = body->optional_json("value"); good(json) && *json) {
    // What was read is written as JSON again; the last digit of a number may differ (Boost.JSON does not round
    // exactly).
    auto again = Body::parse("{\"value\":" + **json + "}");
    const auto value = again.ok() ? again->optional_json("value") : std::optional<std::string>();
    require(again.ok() && value.ok() && value->has_value());
  }
  if (auto nested = body->optional_object("cursor"); good(nested) && *nested) {
    good((*nested)->text("turn_id", 16));
    good((*nested)->done());
  }
  if (auto people = body->objects("people", 2); good(people)) {
    require(people->size() <= 2);
    for (Body& one : *people) {
      good(one.text("user_id", 16));
      good(one.done());
    }
  }
  good(body->done());
  return 0;
}
