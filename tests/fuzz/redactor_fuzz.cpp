// The redactor: whatever the values, the text and the borders of its pieces, no known value comes out, and pieces give
// what the whole gives. The input's first byte says how it is cut; values and text are separated by zero bytes.
#include <librebird/hands/vault/redactor.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using librebird::vault::KnownValue;
using librebird::vault::Redactor;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = data[0] % 17U + 1;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<KnownValue> values;
  while (values.size() < 4) {
    const std::size_t zero = rest.find('\0');
    if (zero == std::string_view::npos) break;
    values.push_back({std::string(rest.substr(0, std::min<std::size_t>(zero, 200))), "[secret:x]"});
    rest.remove_prefix(zero + 1);
  }
  const auto redactor = std::make_shared<const Redactor>(values);
  const std::string whole = redactor->redact(rest);
  for (const KnownValue& known : values) {
    if (known.value.size() >= librebird::vault::kMinValueBytes && whole.find(known.value) != std::string::npos) {
      std::abort();
    }
  }
  Redactor::Stream stream(redactor);
  std::string pieces;
  for (std::size_t at = 0; at < rest.size(); at += piece) pieces += stream.feed(rest.substr(at, piece));
  pieces += stream.finish();
  if (pieces != whole) std::abort();
  (void)redactor->redact_json(rest);
  return 0;
}
