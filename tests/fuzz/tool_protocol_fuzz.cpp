// What a tool's program writes, any bytes in any pieces: the messages must not depend on the pieces, and every value
// must be JSON text on one line.
#include <librebird/hands/protocol/tool_protocol.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using librebird::hands::protocol::LineDecoder;
using librebird::hands::protocol::ProgramMessage;

struct Heard {
  std::string all;
  bool good = true;
};

Heard hear(std::string_view text, std::size_t piece) {
  Heard heard;
  LineDecoder decoder(4096);
  const auto sink = [&heard](ProgramMessage message) {
    if (message.value_json.find('\n') != std::string::npos) std::abort();
    if (!(message.fraction >= 0 && message.fraction <= 1)) std::abort();
    heard.all += std::to_string(static_cast<int>(message.type)) + message.id + "|" + message.text + "|" +
                 message.value_json + "|" + std::to_string(message.fraction) + "\n";
    return true;
  };
  while (!text.empty() && heard.good) {
    heard.good = decoder.feed(text.substr(0, piece), sink).ok();
    text.remove_prefix(std::min(piece, text.size()));
  }
  if (heard.good) heard.good = decoder.finish(sink).ok();
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Heard whole = hear(text, text.size() + 1);
  const Heard bytes = hear(text, 1);
  if (whole.good != bytes.good || whole.all != bytes.all) std::abort();
  return 0;
}
