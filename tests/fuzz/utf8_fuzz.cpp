// Any bytes: what was repaired is valid, what is valid stays as it is, and a prefix of it is valid too.
#include <librebird/base/utf8.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string repaired = librebird::to_valid_utf8(text);
  if (!librebird::is_utf8(repaired)) std::abort();
  if (librebird::is_utf8(text) && repaired != text) std::abort();
  for (const std::size_t bytes : {size / 2, size}) {
    const std::string_view prefix = librebird::utf8_prefix(repaired, bytes);
    if (prefix.size() > bytes || !librebird::is_utf8(prefix)) std::abort();
  }
  return 0;
}
