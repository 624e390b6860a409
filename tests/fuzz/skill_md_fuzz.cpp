// SKILL.md of a stranger: an error is one sentence; what passes has a good name and no tools.
#include <librebird/core/manifest/manifest.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace manifest = librebird::manifest;
  const auto parsed = manifest::parse_skill_md({reinterpret_cast<const char*>(data), size});
  if (!parsed) {
    if (parsed.error().message.empty()) std::abort();
    return 0;
  }
  if (!manifest::is_skill_name(parsed->name) || parsed->description.empty() || !parsed->tools.empty()) std::abort();
  return 0;
}
