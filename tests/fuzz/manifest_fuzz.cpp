// skill.json of a stranger: an error is one sentence; what passes grants its tools no more than the whole skill has.
#include <librebird/core/manifest/manifest.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace manifest = librebird::manifest;
  const auto parsed = manifest::parse_manifest({reinterpret_cast<const char*>(data), size});
  if (!parsed) {
    if (parsed.error().message.empty()) std::abort();
    return 0;
  }
  if (!manifest::is_skill_name(parsed->name)) std::abort();
  // Without an executable of its own it would be the platform's.
  if (parsed->runtime == "native" && parsed->entrypoint.empty()) std::abort();
  const auto granted = manifest::grant(parsed->permissions);
  if (!granted) std::abort();
  for (const librebird::ToolSpec& tool : parsed->tools) {
    if (!manifest::is_skill_name(tool.name) || !tool.host_files.empty()) std::abort();
    if (tool.runs_on == librebird::RunsOn::device) std::abort();
    for (const std::string& host : tool.network) {
      if (!manifest::covers(granted->hosts, host)) std::abort();
    }
  }
  for (const librebird::SkillSetting& setting : parsed->settings) {
    for (const std::string& host : setting.hosts) {
      if (!manifest::covers(granted->hosts, host)) std::abort();
    }
  }
  return 0;
}
