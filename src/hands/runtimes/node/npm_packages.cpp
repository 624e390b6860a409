#include <librebird/hands/node/node_programs.hpp>

#include <boost/json.hpp>
#include <boost/url/parse.hpp>

#include <fmt/format.h>

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <optional>
#include <sstream>

namespace librebird::hands::node {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxFile = 8 << 20;

// A plain file of the skill's; absent where it is none.
std::optional<std::string> read_plain(const std::string& path) {
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > static_cast<off_t>(kMaxFile)) {
    return std::nullopt;
  }
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Status write_plain(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.flush();
  if (file) return Ok{};
  return make_error(Code::internal, fmt::format("{} cannot be written; check the data folder's space.", path));
}

constexpr std::array kPackageKeys = {"dependencies", "optionalDependencies", "peerDependencies"};

bool asks_for_packages(const std::string& package_json) {
  boost::system::error_code error;
  const json::value value = json::parse(package_json, error);
  if (error || !value.is_object()) return true;  // npm says what is wrong with it
  return std::ranges::any_of(kPackageKeys, [&value](const char* key) {
    const json::value* entry = value.get_object().if_contains(key);
    return entry != nullptr && entry->is_object() && !entry->get_object().empty();
  });
}

// Without a lock file npm would look up what only the skill's author needs, too.
std::string only_packages(const std::string& package_json) {
  boost::system::error_code error;
  const json::value value = json::parse(package_json, error);
  if (error || !value.is_object()) return package_json;
  json::object kept{{"private", true}};
  for (const char* key : kPackageKeys) {
    if (const json::value* entry = value.get_object().if_contains(key)) kept[key] = *entry;
  }
  if (const json::value* entry = value.get_object().if_contains("overrides")) kept["overrides"] = *entry;
  return json::serialize(kept);
}

bool is_name_part(std::string_view text) {
  return !text.empty() && text[0] != '.' && text[0] != '-' && std::ranges::all_of(text, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_' || c == '~';
  });
}

}  // namespace

std::string_view package_name(std::string_view package) {
  const std::size_t at = package.find('@', 1);
  return package.substr(0, at);
}

bool is_package(std::string_view text) {
  if (text.empty() || text.size() > 300) return false;
  std::string_view name = package_name(text);
  if (name.size() < text.size()) {
    // A version, a range or a tag: no address, no path, no alias.
    const std::string_view version = text.substr(name.size() + 1);
    const bool plain = !version.empty() && std::ranges::all_of(version, [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
             std::string_view(".-+^~<>=*| ").find(c) != std::string_view::npos;
    });
    if (!plain) return false;
  }
  if (name.starts_with('@')) {
    const std::size_t slash = name.find('/');
    return slash != std::string_view::npos && is_name_part(name.substr(1, slash - 1)) &&
           is_name_part(name.substr(slash + 1));
  }
  return is_name_part(name);
}

Result<std::string> registry_host(const std::string& registry) {
  const auto url = boost::urls::parse_uri(registry);
  const bool secure = url && url->scheme() == "https";
  if (!url || (!secure && url->scheme() != "http") || url->host().empty() || url->has_userinfo()) {
    return make_error(Code::invalid_argument,
                      "hands.node.registry must be the address of an npm registry, as https://registry.npmjs.org/.");
  }
  std::string host = secure ? "" : "http://";
  host += url->host();
  if (url->has_port()) host += fmt::format(":{}", std::string(url->port()));
  return host;
}

Task<Status> NodePrograms::install(const SkillManifest& skill, std::string folder, std::vector<std::string> packages,
                                   SkillBuild& build, std::stop_token stop) const {
  for (const std::string& package : packages) {
    if (is_package(package)) continue;
    co_return make_error(Code::invalid_argument,
                         fmt::format("The dependency \"{}\" is no npm package; write it as name@version.", package));
  }
  const auto own = read_plain(folder + "/package.json");
  const bool wanted = own && asks_for_packages(*own);
  if (!wanted && packages.empty()) co_return Ok{};
  LB_CO_CHECK(has_node());
  if (skill.env_directory.empty()) {
    co_return make_error(Code::internal, "The skill has no folder for its packages; this is a fault of the program.");
  }
  LB_CO_TRY(host, registry_host(registry_));
  const auto lock = wanted ? read_plain(folder + "/package-lock.json") : std::nullopt;
  std::string manifest = R"({"private":true})";
  if (wanted) manifest = lock ? *own : only_packages(*own);
  LB_CO_CHECK(write_plain(skill.env_directory + "/package.json", manifest));
  if (lock) LB_CO_CHECK(write_plain(skill.env_directory + "/package-lock.json", *lock));

  std::vector<std::vector<std::string>> steps;
  if (wanted) steps.push_back({lock ? "ci" : "install"});
  if (!packages.empty()) {
    steps.push_back({"install", "--save-exact"});
    steps.back().insert(steps.back().end(), packages.begin(), packages.end());
  }
  for (const std::vector<std::string>& words : steps) {
    LB_CO_TRY(spec, npm_spec(skill, words));
    LB_CO_TRY(run, co_await build.run(std::move(spec), {host}, stop));
    if (run.end != SandboxEnd::exited || run.exit_code != 0) {
      co_return build_error(fmt::format("The npm packages of the skill {} cannot be installed", skill.name), run);
    }
  }
  co_return Ok{};
}

}  // namespace librebird::hands::node
