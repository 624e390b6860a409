// The frames of a WebSocket client on any bytes: refused with a sentence, or within the bounds.
// fuzz-links: librebird_gateway_ws
#include <librebird/gateway/client_frame.hpp>

#include <librebird/base/utf8.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace librebird::gateway;

constexpr std::size_t kContentLimit = 64;

void require(bool true_thing) {
  if (!true_thing) std::abort();
}

void check_text(const std::string& text, std::size_t limit) {
  require(!text.empty() && text.size() <= limit && librebird::is_utf8(text) && text.find('\0') == std::string::npos);
}

void check(const SubscribeFrame& frame) {
  check_text(frame.conversation_id, 128);
  if (!frame.cursor) return;
  check_text(frame.cursor->turn_id, 128);
  require(frame.cursor->attempt >= 0 && frame.cursor->seq <= (1ULL << 53));
}
void check(const UnsubscribeFrame& frame) { check_text(frame.conversation_id, 128); }
void check(const SendFrame& frame) {
  check_text(frame.conversation_id, 128);
  check_text(frame.content, kContentLimit);
  check_text(frame.client_message_id, 128);
}
void check(const CancelFrame& frame) { check_text(frame.turn_id, 128); }
void check(const DecideFrame& frame) { check_text(frame.approval_id, 128); }
void check(const TypingFrame& frame) { check_text(frame.conversation_id, 128); }
void check(const PingFrame& /*frame*/) {}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = parse_client_frame(std::string_view(reinterpret_cast<const char*>(data), size), kContentLimit);
  if (const auto* failure = std::get_if<FrameError>(&parsed)) {
    require(!failure->error.message.empty() && librebird::is_utf8(failure->error.message));
    require(failure->id.size() <= 128 && (!failure->malformed || failure->id.empty()));
    return 0;
  }
  const auto& frame = std::get<ClientFrame>(parsed);
  require(frame.id.size() <= 128);
  std::visit([](const auto& what) { check(what); }, frame.what);
  return 0;
}
