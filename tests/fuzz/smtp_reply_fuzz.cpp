// fuzz-links: librebird_net_smtp
// However the bytes are cut, the same replies come out, and what is shown of them is bounded and printable.
#include "reply.hpp"

#include <cstdint>
#include <cstdlib>

using namespace librebird::net::smtp;

namespace {

std::string replies(std::string_view bytes, std::size_t piece) {
  std::string out;
  ReplyReader reader;
  while (!bytes.empty()) {
    const std::string_view some = bytes.substr(0, piece);
    bytes.remove_prefix(some.size());
    reader.feed(some);
    for (;;) {
      const auto reply = reader.next();
      if (!reply) return out + "!";
      if (!*reply) break;
      const std::string words = (*reply)->words();
      if (words.size() > 300) std::abort();
      for (const char c : words) {
        if (c < 0x20 || c >= 0x7F) std::abort();
      }
      out += words + "\n";
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.size() > 64 * 1024) return 0;
  if (replies(text, 1) != replies(text, 4096)) std::abort();
  return 0;
}
