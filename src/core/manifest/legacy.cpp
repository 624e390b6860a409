#include "legacy.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace librebird::manifest {
namespace {

// Clipboard history, a running session, timers, a browser page, pooled connections, open ports.
constexpr std::array<std::string_view, 6> kLongLived{"productivity",       "focus_timer", "scheduler",
                                                     "browser_automation", "ssh_ftp",     "serial_usb"};

struct Key {
  std::string_view skill;
  std::string_view name;  // of the setting and of the environment
  std::string_view description;
  std::array<std::string_view, 2> hosts;
};

constexpr std::array<Key, 3> kKeys{{
    {"github", "GITHUB_TOKEN", "Access token of GitHub", {"api.github.com", ""}},
    {"translate",
     "DEEPL_API_KEY",
     "Key of DeepL; without it another service translates",
     {"api-free.deepl.com", "api.deepl.com"}},
    {"wikipedia", "WOLFRAM_APP_ID", "App ID of Wolfram Alpha", {"api.wolframalpha.com", ""}},
}};

}  // namespace

void complete_legacy(SkillManifest& manifest) {
  if (std::ranges::find(kLongLived, manifest.name) != kLongLived.end()) manifest.worker = true;
  for (const Key& key : kKeys) {
    if (key.skill != manifest.name || !manifest.settings.empty()) continue;
    SkillSetting setting;
    setting.name = key.name;
    setting.type = SettingType::secret;
    setting.description = key.description;
    for (const std::string_view host : key.hosts) {
      if (!host.empty()) setting.hosts.emplace_back(host);
    }
    manifest.settings.push_back(std::move(setting));
  }
}

}  // namespace librebird::manifest
