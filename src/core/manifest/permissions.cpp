#include <librebird/core/manifest/manifest.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

namespace librebird::manifest {
namespace {

struct Api {
  std::string_view name;
  std::array<std::string_view, 4> hosts;  // empty ones are none
};

// Named sets of hosts, so that a manifest says what it talks to and an admin reads one word.
constexpr std::array<Api, 8> kApis{{
    {"github", {"api.github.com", "uploads.github.com", "raw.githubusercontent.com", "codeload.github.com"}},
    {"gitlab", {"gitlab.com"}},
    {"npm", {"registry.npmjs.org"}},
    {"openstreetmap", {"nominatim.openstreetmap.org", "overpass-api.de", "tile.openstreetmap.org"}},
    {"pypi", {"pypi.org", "files.pythonhosted.org"}},
    {"translation", {"api.mymemory.translated.net", "api-free.deepl.com", "api.deepl.com"}},
    {"wikipedia", {"*.wikipedia.org", "*.wikimedia.org", "www.wikidata.org"}},
    {"wolfram", {"api.wolframalpha.com"}},
}};

struct Entry {
  bool plain = false;  // http://
  std::string_view host;
  int port = 443;
};

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(
             label, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; });
}

// [tunnel:|http://](host|*.suffix|*)[:port], in lower case.
std::optional<Entry> parse_entry(std::string_view text) {
  Entry entry;
  if (text.starts_with("tunnel:")) {
    text.remove_prefix(7);
  } else if (text.starts_with("http://")) {
    text.remove_prefix(7);
    entry.plain = true;
    entry.port = 80;
  }
  if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), entry.port);
    if (failure != std::errc() || end != digits.data() + digits.size() || entry.port < 1 || entry.port > 65535) {
      return std::nullopt;
    }
    text = text.substr(0, colon);
  }
  entry.host = text;
  if (text == "*") return entry;
  if (text.starts_with("*.")) text.remove_prefix(2);
  if (text.empty() || text.size() > 253) return std::nullopt;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t dot = std::min(text.find('.', at), text.size());
    if (!is_label(text.substr(at, dot - at))) return std::nullopt;
    at = dot + 1;
  }
  return entry;
}

bool host_covers(std::string_view wide, std::string_view host) {
  if (wide == "*" || wide == host) return true;
  if (!wide.starts_with("*.")) return false;
  const std::string_view suffix = wide.substr(1);  // ".example.com"
  return host.size() > suffix.size() && host.ends_with(suffix);
}

std::string known_permissions() {
  std::string apis;
  for (const Api& api : kApis) apis += fmt::format("{}api:{}", apis.empty() ? "" : ", ", api.name);
  return "network, network:HOST, filesystem:read, filesystem:write, env_vars, worker, " + apis;
}

void add(std::vector<std::string>& hosts, std::string_view host) {
  if (std::ranges::find(hosts, host) == hosts.end()) hosts.emplace_back(host);
}

}  // namespace

std::optional<std::string> host_of_url(std::string_view url) {
  const bool plain = url.starts_with("http://");
  if (!plain && !url.starts_with("https://")) return std::nullopt;
  // What is not spelled in these characters is spelled with %.
  const bool spelled = std::ranges::all_of(url, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~:/?[]@!$&'()*+,;=%").find(c) != std::string_view::npos;
  });
  std::string_view host = url.substr(plain ? 7 : 8);
  host = host.substr(0, host.find_first_of("/?"));
  const std::string entry = (plain ? "http://" : "") + std::string(host);
  if (!spelled || host.starts_with('*') || host.starts_with("http:") || host.starts_with("tunnel:") ||
      !parse_entry(entry))
    return std::nullopt;
  return entry;
}

bool covers(const std::vector<std::string>& hosts, std::string_view host) {
  const auto wanted = parse_entry(host);
  if (!wanted) return false;
  return std::ranges::any_of(hosts, [&](const std::string& entry) {
    const auto wide = parse_entry(entry);
    return wide && wide->plain == wanted->plain && wide->port == wanted->port && host_covers(wide->host, wanted->host);
  });
}

Result<Granted> grant(const std::vector<std::string>& permissions) {
  Granted granted;
  for (const std::string& permission : permissions) {
    const std::string_view text = permission;
    if (text == "network") {
      add(granted.hosts, "*");
      add(granted.hosts, "http://*");
    } else if (text.starts_with("network:") && parse_entry(text.substr(8))) {
      add(granted.hosts, text.substr(8));
    } else if (text == "filesystem:read") {
      if (granted.work == WorkFolder::none) granted.work = WorkFolder::read;
    } else if (text == "filesystem:write") {
      granted.work = WorkFolder::write;
    } else if (text == "env_vars") {
      granted.env_vars = true;
    } else if (text == "worker") {
      granted.worker = true;
    } else {
      const auto* const api = std::ranges::find_if(
          kApis, [&](const Api& known) { return text.starts_with("api:") && known.name == text.substr(4); });
      if (api == kApis.end()) {
        return make_error(Code::invalid_argument,
                          fmt::format("skill.json, key `permissions`: \"{}\" is not a permission; known are: {}.",
                                      text.substr(0, 80), known_permissions()));
      }
      for (const std::string_view host : api->hosts) {
        if (!host.empty()) add(granted.hosts, host);
      }
    }
  }
  return granted;
}

}  // namespace librebird::manifest
