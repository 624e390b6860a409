// fuzz-links: librebird_hands_egress
// Raw bytes through the fence's request parser and body decoder: what is accepted has one reading, however it is cut.
#include "ascii.hpp"
#include "body_decoder.hpp"
#include "request_head.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>

using namespace librebird::egress;

namespace {

void check(bool fine) {
  if (!fine) std::abort();
}

// The body, or nothing if it is malformed or unfinished.
std::optional<std::string> decode(const RequestHead& head, std::string_view bytes, std::size_t piece) {
  BodyDecoder decoder(head.body, head.length);
  std::string out;
  while (!decoder.done() && !bytes.empty()) {
    std::string_view part = bytes.substr(0, piece);
    const std::size_t size = part.size();
    if (!decoder.feed(part, out)) return std::nullopt;
    bytes.remove_prefix(size - part.size());
    check(part.empty() || decoder.done());
  }
  return decoder.done() ? std::optional(out) : std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  const auto head = parse_request_head(text.substr(0, end + 4));
  if (!head.ok()) return 0;
  check(is_token(head->method) && !head->target.empty());
  check(head->target.find_first_of("\r\n\t ") == std::string::npos);
  check((head->body == RequestHead::Body::length) == (head->length > 0 && head->body != RequestHead::Body::chunked));
  for (const auto& [name, value] : head->headers) {
    check(is_token(name) && is_field_value(value) && !is_hop_by_hop(name));
    check(!same(name, "host") && !same(name, "content-length") && !same(name, "transfer-encoding"));
  }
  const std::string_view rest = text.substr(end + 4);
  const auto whole = decode(*head, rest, std::max<std::size_t>(rest.size(), 1));
  check(whole == decode(*head, rest, 1) && whole == decode(*head, rest, 7));
  return 0;
}
