// fuzz-links: librebird_sandbox_docker librebird_core_ports
// A container engine's socket, and a program behind it, may say anything: the HTTP reader, the stream splitter and the
// search for the guard's last words must stay within their bounds and not depend on how the bytes were cut.
#include "http_response.hpp"
#include "stream_frames.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace librebird::docker;

constexpr std::size_t kMaxBody = 4096;

void check(bool truth) {
  if (!truth) std::abort();
}

struct Heard {
  bool ok = true;
  bool done = false;
  int status = 0;
  bool stream = false;
  std::string body;
  std::string output;
  std::string errors;
  bool verdict = false;
  friend bool operator==(const Heard&, const Heard&) = default;
};

Heard hear(std::string_view bytes, std::size_t piece) {
  Heard heard;
  HttpResponseParser parser(kMaxBody);
  while (!bytes.empty() && heard.ok && !parser.done()) {
    heard.ok = parser.feed(bytes.substr(0, piece)).ok();
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  if (heard.ok && !parser.done()) heard.ok = parser.end().ok();
  check(parser.body().size() <= kMaxBody);
  if (!heard.ok) return {.ok = false};
  heard.done = parser.done();
  heard.status = parser.status();
  heard.stream = parser.is_stream();
  heard.body = parser.body();
  if (!parser.done()) return heard;

  const std::string rest = parser.rest() + std::string(bytes);
  Demultiplexer demultiplexer;
  VerdictFilter filter("n");
  const auto sink = [&](Stream stream, std::string_view text) {
    if (stream == Stream::output) {
      heard.output += text;
    } else {
      heard.errors += filter.feed(text);
    }
  };
  for (std::size_t at = 0; at < rest.size() && heard.ok; at += piece) {
    heard.ok = demultiplexer.feed(std::string_view(rest).substr(at, piece), sink).ok();
  }
  heard.errors += filter.held();
  heard.verdict = filter.verdict().has_value();
  check(heard.output.size() + heard.errors.size() <= rest.size());
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 32 * 1024) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Heard whole = hear(bytes, bytes.size() + 1);
  const Heard cut = hear(bytes, 1 + size % 7);
  check(whole == cut);
  return 0;
}
