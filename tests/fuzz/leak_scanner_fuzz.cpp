// The leak scanner: no input breaks it, pieces give what the whole gives, and a token that is planted at the beginning
// of a line never comes out.
#include <librebird/hands/vault/leak_scanner.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using librebird::vault::LeakScan;
using librebird::vault::LeakScanner;

namespace {

std::string in_pieces(std::string_view text, std::size_t piece) {
  LeakScanner::Stream stream;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += piece) out += stream.feed(text.substr(at, piece));
  return out + stream.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t piece = data[0] % 23U + 1;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const LeakScan scan = LeakScanner::scan(text);
  if (in_pieces(text, piece) != scan.masked) std::abort();
  std::size_t before = 0;
  for (const librebird::vault::Leak& leak : scan.leaks) {
    if (leak.offset < before || leak.length == 0 || leak.offset + leak.length > text.size()) std::abort();
    before = leak.offset + leak.length;
  }
  constexpr std::string_view kToken = "ghp_0123456789abcdefghijABCDEFGHIJ456789zz";
  if (text.find(kToken) != std::string_view::npos) return 0;  // it may stand inside a longer word
  const std::string planted = std::string(text) + "\n" + std::string(kToken) + "\n" + std::string(text);
  if (LeakScanner::scan(planted).masked.find(kToken) != std::string::npos) std::abort();
  (void)LeakScanner::scan_json(text);
  return 0;
}
