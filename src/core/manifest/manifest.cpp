#include <librebird/core/manifest/manifest.hpp>

#include <librebird/base/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "fields.hpp"
#include "legacy.hpp"
#include "settings.hpp"
#include "tools.hpp"

namespace librebird::manifest {
namespace json = boost::json;
namespace {

constexpr std::array<std::string_view, 5> kRuntimes{"python", "typescript", "docker", "mcp", "native"};

Result<json::value> parse_document(std::string_view text) {
  if (text.size() > kMaxManifestBytes) {
    return make_error(Code::too_large,
                      fmt::format("skill.json is {} bytes long; at most {} are read.", text.size(), kMaxManifestBytes));
  }
  if (!is_utf8(text)) return make_error(Code::invalid_argument, "skill.json is not valid UTF-8; save it as UTF-8.");
  boost::system::error_code failure;
  json::parse_options options;
  options.max_depth = 32;
  json::stream_parser parser({}, options);
  const std::size_t used = parser.write_some(text.data(), text.size(), failure);
  if (!failure && text.substr(used).find_first_not_of(" \t\r\n") != std::string_view::npos) {
    failure = json::make_error_code(json::error::extra_data);
  }
  if (!failure) parser.finish(failure);
  if (failure) {
    const auto line = 1 + std::ranges::count(text.substr(0, std::min(used, text.size())), '\n');
    return make_error(Code::invalid_argument,
                      fmt::format("skill.json is not valid JSON (line {}: {}).", line, failure.message()));
  }
  json::value value = parser.release();
  if (!value.is_object()) return make_error(Code::invalid_argument, "skill.json must be one JSON object.");
  return value;
}

std::string title_of(std::string_view name) {
  std::string title(name);
  bool first = true;
  for (char& c : title) {
    if (c == '_' || c == '-') c = ' ';
    if (first && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    first = c == ' ';
  }
  return title;
}

Status parse_identity(Fields& fields, const ManifestOptions& options, bool legacy, SkillManifest& manifest) {
  constexpr std::string_view kName = "letters, digits, _ and -, beginning with a letter or digit, at most 64";
  const json::value* name = fields.take("name");
  if (name == nullptr && legacy && is_skill_name(options.folder_name)) {
    manifest.name = options.folder_name;
  } else {
    if (name == nullptr) return wrong("name", kName);
    if (!name->is_string() || !is_skill_name(name->as_string())) return wrong("name", kName, *name);
    manifest.name = name->as_string();
  }
  LB_TRY(display_name, fields.text("display_name", title_of(manifest.name), 100));
  LB_TRY(description, fields.text("description", "", 4096, true));
  LB_TRY(version, fields.text("version", "1.0.0", 64));
  const bool good_version = !version.empty() && std::ranges::all_of(version, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '+' ||
           c == '-' || c == '_';
  });
  if (!good_version) return wrong("version", "like 1.2.3: letters, digits, . + - _, 1 to 64 of them");
  LB_TRY(author, fields.text("author", "Libre Bird", 200));
  LB_TRY(icon, fields.text("icon", "🧩", 64));
  LB_TRY(category, fields.text("category", "general", 64));
  manifest.display_name = display_name.empty() ? title_of(manifest.name) : std::move(display_name);
  manifest.description = std::move(description);
  manifest.version = std::move(version);
  manifest.author = std::move(author);
  manifest.icon = std::move(icon);
  manifest.category = std::move(category);
  return Ok{};
}

Status parse_runtime(Fields& fields, const ManifestOptions& options, bool legacy, SkillManifest& manifest) {
  constexpr std::string_view kExpected = "one of \"python\", \"typescript\", \"native\", \"docker\", \"mcp\"";
  const json::value* runtime = fields.take("runtime");
  manifest.runtime = "python";
  if (!legacy) {
    if (!runtime->is_string() ||
        std::ranges::find(kRuntimes, std::string_view(runtime->as_string())) == kRuntimes.end())
      return wrong("runtime", kExpected, *runtime);
    manifest.runtime = runtime->as_string();
  }
  LB_TRY(entrypoint, fields.text("entrypoint", "", 200));
  if (!entrypoint.empty() && !is_inner_path(entrypoint)) {
    return wrong("entrypoint", "a file of the skill's folder, as a relative path without \"..\"");
  }
  if (!entrypoint.empty() && (manifest.runtime == "docker" || manifest.runtime == "mcp")) {
    return wrong("entrypoint", "left out: only the runtimes python, typescript and native have one");
  }
  // The platform's own native tools are all in one program; an installed skill brings its own.
  const bool wants_entrypoint = manifest.runtime == "native" && !options.official;
  if (wants_entrypoint && entrypoint.empty()) {
    return wrong("entrypoint", "given: the executable in the skill's folder, as the runtime is native");
  }
  manifest.entrypoint = std::move(entrypoint);
  LB_TRY(image, fields.text("image", "", 300));
  if ((manifest.runtime == "docker") != !image.empty()) {
    return wrong("image", image.empty() ? "given: the runtime is docker" : "left out: the runtime is not docker");
  }
  const bool good_image = image.empty() || (image.front() != '-' && std::ranges::all_of(image, [](char c) {
                                              return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                                     (c >= '0' && c <= '9') ||
                                                     std::string_view("./:@_-").find(c) != std::string_view::npos;
                                            }));
  if (!good_image) return wrong("image", "an image's name: letters, digits, . / : @ _ -");
  manifest.image = std::move(image);
  LB_TRY(command, fields.texts("command", 64, 1000));
  LB_TRY(url, fields.text("url", "", 2000));
  if (manifest.runtime != "mcp" && manifest.runtime != "docker" && !command.empty()) {
    return wrong("command", "left out: only the runtimes mcp and docker have one");
  }
  if (manifest.runtime != "mcp" && !url.empty()) return wrong("url", "left out: the runtime is not mcp");
  if (manifest.runtime == "mcp" && command.empty() == url.empty()) {
    return url.empty() ? wrong("command", "given, as an array of words, or \"url\": the runtime is mcp")
                       : wrong("url", "left out, or \"command\": a server is local or on the web");
  }
  if (!url.empty() && !host_of_url(url)) {
    return wrong("url", "an address as https://host/path, in lower case up to the path, without user or fragment");
  }
  manifest.command = std::move(command);
  manifest.url = std::move(url);
  return Ok{};
}

// For authorization servers that register nobody by themselves. What is declared stays as it is.
void imply_client(const std::string& host, SkillManifest& manifest) {
  const auto add = [&manifest](std::string_view name, SettingType type, std::string description) {
    if (std::ranges::find(manifest.settings, name, &SkillSetting::name) != manifest.settings.end()) return;
    SkillSetting setting;
    setting.name = name;
    setting.type = type;
    setting.description = std::move(description);
    manifest.settings.push_back(std::move(setting));
  };
  add(kClientId, SettingType::text,
      "Client id of Libre Bird where people connect to " + host + "; only where it cannot register itself");
  add(kClientSecret, SettingType::secret, "Client secret that goes with client_id, if there is one");
}

// A server on the web is reached, and may be given a token, without the manifest having to say so. Over plain HTTP no
// secret travels, so there is none.
Status imply_token(const std::string& host, SkillManifest& manifest) {
  if (!host.starts_with("http://")) imply_client(host, manifest);
  const auto declared = std::ranges::find(manifest.settings, kAccessToken, &SkillSetting::name);
  if (declared != manifest.settings.end()) {
    if (declared->type == SettingType::secret) return Ok{};
    return wrong("settings.access_token", "of the type \"secret\": it goes to the server as its bearer token");
  }
  if (host.starts_with("http://")) return Ok{};
  SkillSetting token;
  token.name = kAccessToken;
  token.type = SettingType::secret;
  token.description = "Access token for the MCP server at " + host;
  token.hosts = {host};
  manifest.settings.push_back(std::move(token));
  return Ok{};
}

// What a package tool may be given: a name with versions, never an option, an address or a path.
bool is_dependency(std::string_view text) {
  if (text.starts_with('@')) {  // @scope/name@range
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos || slash < 2) return false;
    text.remove_prefix(slash + 1);
  }
  if (text.empty()) return false;
  const char first = text.front();
  if (!((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || (first >= '0' && first <= '9'))) {
    return false;
  }
  return text.find(" @") == std::string_view::npos && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("._-[]<>=!~^*,@+ ;'\"()|").find(c) != std::string_view::npos;
         });
}

// Legacy manifests also hold prose here ("GitHub account (free)"), which was never installed.
bool is_prose(std::string_view text) {
  text = text.substr(0, text.find(';'));
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return false;
  const std::size_t next = text.find_first_not_of(' ', space);
  return next != std::string_view::npos && std::string_view("<>=!~;[").find(text[next]) == std::string_view::npos;
}

Status parse_dependencies(Fields& fields, bool legacy, SkillManifest& manifest) {
  LB_TRY(dependencies, fields.texts("dependencies", 100, 200));
  for (std::string& dependency : dependencies) {
    const bool good = is_dependency(dependency);
    if (legacy && (!good || is_prose(dependency))) continue;
    if (!good || is_prose(dependency)) {
      return wrong("dependencies", fmt::format("names of packages with versions, like \"requests>=2.31.0\"; \"{}\" is "
                                               "none (no addresses, paths or options)",
                                               dependency));
    }
    manifest.dependencies.push_back(std::move(dependency));
  }
  if (!manifest.dependencies.empty() && manifest.runtime == "docker") {
    return wrong("dependencies", "left out: a docker skill brings them in its image");
  }
  return Ok{};
}

Status parse_limits(Fields& fields, SkillManifest& manifest) {
  LB_TRY(object, fields.object("limits"));
  if (object == nullptr) return Ok{};
  Fields limits(*object, "limits");
  LB_TRY(wall, limits.integer("wall_seconds", 0, 1, 600));
  LB_TRY(memory, limits.integer("memory_mb", 0, 16, 4096));
  LB_TRY(cpu, limits.integer("cpu_seconds", 0, 1, 600));
  LB_TRY(processes, limits.integer("processes", 0, 1, 256));
  LB_TRY(output, limits.integer("output_bytes", 0, 1024, 16 << 20));
  manifest.limits = {static_cast<int>(wall), static_cast<int>(memory), static_cast<int>(cpu),
                     static_cast<int>(processes), output};
  return limits.done();
}

Status parse_marketplace(Fields& fields) {
  LB_TRY(object, fields.object("marketplace"));
  if (object == nullptr) return Ok{};
  Fields market(*object, "marketplace");
  LB_CHECK(market.integer("price", 0, 0, 100'000'000));
  LB_CHECK(market.text("license", "", 100));
  LB_CHECK(market.text("repository", "", 500));
  LB_CHECK(market.text("homepage", "", 500));
  return market.done();
}

Status parse_offer(Fields& fields, const ManifestOptions& options, bool legacy, const Granted& granted,
                   SkillManifest& manifest) {
  ToolRules rules{manifest, granted, options.official, false, fields.has("permissions")};
  if (const json::value* tools = fields.take("tools"); tools != nullptr) {
    if (!tools->is_array()) return wrong("tools", "an array", *tools);
    const bool names = legacy && std::ranges::all_of(tools->as_array(), &json::value::is_string);
    if (!names) LB_CHECK(parse_tools(tools->as_array(), rules, manifest.tools));
  }
  if (options.tools_json.empty() || !manifest.tools.empty()) return Ok{};
  boost::system::error_code failure;
  const json::value described = json::parse(options.tools_json, failure);
  if (failure || !described.is_array()) return wrong("tools", "an array, as the program itself was asked for them");
  rules.described = true;
  return parse_tools(described.as_array(), rules, manifest.tools);
}

}  // namespace

bool is_skill_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name[0] != '_' && name[0] != '-' &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

bool is_inner_path(std::string_view path) {
  if (path.empty() || path.size() > 1000 || path.front() == '/' || path.find('\\') != std::string_view::npos ||
      !is_plain_text(path, false)) {
    return false;
  }
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, slash - at);
    if (part.empty() || part == "." || part == "..") return false;
    at = slash + 1;
  }
  return true;
}

Result<SkillManifest> parse_manifest(std::string_view skill_json, const ManifestOptions& options) {
  LB_TRY(document, parse_document(skill_json));
  Fields fields(document.as_object(), "");
  const bool legacy = !fields.has("runtime");
  SkillManifest manifest;
  LB_CHECK(parse_identity(fields, options, legacy, manifest));
  LB_CHECK(parse_runtime(fields, options, legacy, manifest));
  LB_CHECK(parse_dependencies(fields, legacy, manifest));
  LB_TRY(permissions, fields.texts("permissions", 64, 300));
  for (const std::string& more : options.granted) {
    if (std::ranges::find(permissions, more) == permissions.end()) permissions.push_back(more);
  }
  const std::string server = host_of_url(manifest.url).value_or("");
  if (const std::string needed = "network:" + server;
      !server.empty() && std::ranges::find(permissions, needed) == permissions.end()) {
    permissions.push_back(needed);
  }
  LB_TRY(granted, grant(permissions));
  // A legacy package expects a folder to write its data to.
  if (legacy && !fields.has("permissions")) granted.work = WorkFolder::write;
  manifest.permissions = std::move(permissions);
  LB_TRY(worker, fields.flag("worker", false));
  if (worker && !granted.worker) return wrong("worker", "false, or \"worker\" stand among the permissions");
  manifest.worker = worker;
  LB_TRY(settings, fields.object("settings"));
  if (settings != nullptr) {
    LB_TRY(parsed, parse_settings(*settings, granted.hosts));
    manifest.settings = std::move(parsed);
  }
  if (!server.empty()) LB_CHECK(imply_token(server, manifest));
  if (legacy) complete_legacy(manifest);
  LB_CHECK(parse_limits(fields, manifest));
  LB_CHECK(parse_marketplace(fields));
  LB_CHECK(parse_offer(fields, options, legacy, granted, manifest));
  if (!legacy) LB_CHECK(fields.done());
  return manifest;
}

}  // namespace librebird::manifest
