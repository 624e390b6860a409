// Chat completion requests of any bytes: what passes is within the bounds and fit to be sent on.
// fuzz-links: librebird_gateway_openai
#include "chat_request.hpp"

#include <librebird/base/utf8.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {
void require(bool true_thing) {
  if (!true_thing) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto call = librebird::gateway::parse_completion(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!call) {
    require(!call.error().message.empty() && librebird::is_utf8(call.error().message));
    return 0;
  }
  const auto& chat = call->chat;
  require(!chat.history.empty() && chat.history.size() <= 2'000 && chat.client_tools.size() <= 256);
  require(librebird::is_utf8(call->model) && librebird::is_utf8(chat.tool_choice));
  for (const auto& message : chat.history) {
    require(librebird::is_utf8(message.content));
    require(message.tool_calls.empty() || message.role == librebird::ChatRole::assistant);
  }
  for (const auto& tool : chat.client_tools) require(!tool.parameters_json.empty() && tool.parameters_json[0] == '{');
  require(!chat.temperature || (*chat.temperature >= 0 && *chat.temperature <= 2));
  require(!chat.max_tokens || *chat.max_tokens >= 1);
  return 0;
}
