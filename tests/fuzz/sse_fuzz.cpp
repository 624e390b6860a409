// fuzz-links: librebird_net
// However the bytes are cut, the same events come out; and what is written is read back.
#include <librebird/net/sse.hpp>

#include <cstdint>
#include <cstdlib>

using namespace librebird::net;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0] % 17;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  SseParser whole(1024);
  SseParser cut(1024);
  const auto events = whole.feed(text);
  std::vector<SseEvent> pieces;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    auto some = cut.feed(text.substr(at, piece));
    if (!some) {
      if (events) std::abort();
      return 0;
    }
    pieces.insert(pieces.end(), some->begin(), some->end());
  }
  if (!events || *events != pieces) std::abort();
  for (const SseEvent& event : *events) {
    SseParser again;
    const auto read = again.feed(format_sse(event));
    if (!read || read->size() != 1 || (*read)[0].data != event.data) std::abort();
  }
  return 0;
}
