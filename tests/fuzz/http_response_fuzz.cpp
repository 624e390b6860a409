// fuzz-links: librebird_net
// Raw bytes through the client's answer parser: the same body however they are cut.
#include "response_parser.hpp"

#include <cstdint>
#include <cstdlib>

using namespace librebird::net;

namespace {

std::pair<bool, std::string> feed(std::string_view text, std::size_t piece, bool head) {
  ResponseParser parser(head);
  std::string body;
  for (std::size_t at = 0; at < text.size() && !parser.done(); at += piece) {
    if (!parser.feed(text.substr(at, piece))) return {false, {}};
    if (parser.head_done()) body += parser.take_body();
  }
  if (!parser.done() && !parser.end_of_input()) return {false, {}};
  return {true, body + parser.take_body()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const bool head = (data[0] & 0x80) != 0;
  if (feed(text, text.size(), head) != feed(text, 1 + data[0] % 23, head)) std::abort();
  return 0;
}
