// fuzz-links: librebird_provider_openai librebird_net
// A model server may send anything. The decoder must stay within its bounds, give well-formed text only, hand the
// sink exactly the answer's text, and not depend on how the bytes were cut.
#include "stream_decoder.hpp"

#include <librebird/base/utf8.hpp>
#include <librebird/net/sse.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

using librebird::ModelAnswer;
using librebird::Result;
using librebird::brain::openai::DecoderLimits;
using librebird::brain::openai::StreamDecoder;

void check(bool truth) {
  if (!truth) std::abort();
}

Result<ModelAnswer> decode(std::string_view bytes, std::size_t piece) {
  DecoderLimits limits;
  limits.text = 4096;
  limits.arguments = 4096;
  limits.calls = 8;
  limits.event = 16 * 1024;
  std::string streamed;
  const auto sink = [&streamed](std::string_view text) {
    check(!text.empty() && librebird::is_utf8(text));
    streamed += text;
  };
  StreamDecoder decoder(sink, "sk-secret", limits);
  while (!bytes.empty() && !decoder.done()) {
    if (auto fed = decoder.feed(bytes.substr(0, piece)); !fed) return fed.error();
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  auto answer = decoder.finish();
  if (!answer) {
    check(answer.error().message.find("sk-secret") == std::string::npos);
    return answer;
  }
  check(answer->text == streamed && streamed.size() <= limits.text);
  check(answer->tool_calls.size() <= limits.calls);
  for (const auto& call : answer->tool_calls) {
    check(librebird::is_utf8(call.arguments_json) && librebird::is_utf8(call.name));
  }
  return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 32 * 1024) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = decode(bytes, bytes.size() + 1);
  const auto cut = decode(bytes, 1 + size % 7);
  check(whole.ok() == cut.ok());
  if (whole.ok()) check(*whole == *cut);
  return 0;
}
