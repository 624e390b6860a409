#include <librebird/hands/node/node_programs.hpp>

#include <boost/json.hpp>
#include <boost/url/parse.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <climits>
#include <cstdlib>
#include <optional>
#include <sstream>

namespace librebird::hands::node {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxFile = 8 << 20;
constexpr std::int64_t kMaxFiles = 200'000;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

// Never through a link: what stands there may be of somebody else's making.
Status write_plain(const std::string& path, const std::string& text) {
  unlink(path.c_str());
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (file.get() >= 0 && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return Ok{};
  return make_error(Code::internal, fmt::format("{} cannot be written; check the data folder's space.", path));
}

// "BYTES\t/env\nFILES\t/env\n", as du says it.
Status check_size(const SkillManifest& skill, const std::string& said, std::int64_t most_bytes) {
  std::istringstream lines(said);
  std::int64_t bytes = -1;
  std::int64_t files = -1;
  std::string ignored;
  if (!(lines >> bytes >> ignored >> files)) {
    return make_error(Code::internal,
                      fmt::format("What was installed for the skill {} cannot be measured.", skill.name));
  }
  if (bytes <= most_bytes && files <= kMaxFiles) return Ok{};
  return make_error(Code::too_large,
                    fmt::format("The npm packages of the skill {} take {} MiB in {} files; the most are {} MiB "
                                "(hands.node.max_environment_mb) in {} files.",
                                skill.name, bytes >> 20, files, most_bytes >> 20, kMaxFiles));
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

std::optional<std::string> read_plain(const std::string& folder, const std::string& name, std::size_t most) {
  const std::string path = folder + "/" + name;
  std::array<char, PATH_MAX> home{};
  std::array<char, PATH_MAX> real{};
  const bool inside = realpath(folder.c_str(), home.data()) != nullptr &&
                      realpath(path.c_str(), real.data()) != nullptr &&
                      std::string_view(real.data()).starts_with(std::string(home.data()) + "/");
  if (!inside) return std::nullopt;
  const Descriptor file(open(real.data(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info{};
  if (file.get() < 0 || fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  if (info.st_size > static_cast<off_t>(most)) return std::nullopt;
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  if (pread(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) return std::nullopt;
  return text;
}

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
  const auto own = read_plain(folder, "package.json", kMaxFile);
  const bool wanted = own && asks_for_packages(*own);
  if (!wanted && packages.empty()) co_return Ok{};
  LB_CO_CHECK(has_node());
  if (skill.env_directory.empty()) {
    co_return make_error(Code::internal, "The skill has no folder for its packages; this is a fault of the program.");
  }
  LB_CO_TRY(host, registry_host(registry_));
  const auto lock = wanted ? read_plain(folder, "package-lock.json", kMaxFile) : std::nullopt;
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
    LB_CO_TRY(run, co_await build.run_with_index(std::move(spec), {host}, stop));
    if (run.end != SandboxEnd::exited || run.exit_code != 0) {
      co_return build_error(fmt::format("The npm packages of the skill {} cannot be installed", skill.name), run);
    }
  }
  SandboxSpec measure = spec(0);
  measure.mounts.push_back({skill.env_directory, kEnvironment, false});
  measure.argv = {"/bin/sh", "-c", "du -s -B1 /env && du -s --inodes /env"};
  LB_CO_TRY(measured, co_await build.run(std::move(measure), {}, stop));
  co_return check_size(skill, measured.output, most_bytes_);
}

}  // namespace librebird::hands::node
