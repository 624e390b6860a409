#include "package_index.hpp"

#include <fmt/format.h>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <fstream>
#include <optional>
#include <sstream>

namespace librebird::python {
namespace {

constexpr std::string_view kPublicIndex = "https://pypi.org/simple";
constexpr std::string_view kPublicHost = "pypi.org";
constexpr std::string_view kPublicFiles = "files.pythonhosted.org";
constexpr std::size_t kMostSettings = 64 << 10;

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string read_small(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMostSettings, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  return text;
}

// pip's own order: the machine's file, then the user's, then the one that PIP_CONFIG_FILE names; the last one wins.
std::string index_of_pip(const Config::Environment& environment) {
  if (const auto url = environment("PIP_INDEX_URL"); url && !url->empty()) return *url;
  std::vector<std::string> files = {"/etc/xdg/pip/pip.conf", "/etc/pip.conf"};
  if (const auto home = environment("HOME"); home && !home->empty()) {
    files.push_back(*home + "/.pip/pip.conf");
    files.push_back(environment("XDG_CONFIG_HOME").value_or(*home + "/.config") + "/pip/pip.conf");
  }
  if (const auto named = environment("PIP_CONFIG_FILE")) {
    // /dev/null there means: no settings files at all.
    if (*named == "/dev/null") files.clear();
    files.push_back(*named);
  }
  std::string url;
  for (const std::string& file : files) {
    if (std::string found = index_of_pip_settings(read_small(file)); !found.empty()) url = std::move(found);
  }
  return url;
}

}  // namespace

std::string index_of_pip_settings(std::string_view text) {
  std::string url;
  std::string_view section;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      section = line;
      continue;
    }
    const std::size_t sign = line.find_first_of("=:");
    if (sign == std::string_view::npos) continue;
    const std::string_view name = trimmed(line.substr(0, sign));
    if (name != "index-url" && name != "index_url") continue;
    // What is said for `pip install` wins over what is said for all of pip.
    if (section == "[install]" || (section == "[global]" && url.empty())) url = trimmed(line.substr(sign + 1));
  }
  return url;
}

Result<PackageIndex> find_package_index(const std::string& configured, const std::vector<std::string>& more_hosts,
                                        const Config::Environment& environment) {
  PackageIndex index{.url = configured.empty() ? index_of_pip(environment) : configured, .hosts = more_hosts};
  if (index.url.empty()) index.url = kPublicIndex;
  const auto parsed = boost::urls::parse_uri(index.url);
  if (!parsed || (parsed->scheme() != "https" && parsed->scheme() != "http") || parsed->host().empty()) {
    return make_error(Code::invalid_argument,
                      "The Python package index is not an http(s) address; set hands.python.index_url to one.");
  }
  if (parsed->has_userinfo()) {
    return make_error(Code::invalid_argument,
                      "The address of the Python package index holds a user or password, which installing would have "
                      "to see; set hands.python.index_url to an index without.");
  }
  const std::string host(parsed->encoded_host());
  const std::string port = parsed->has_port() ? fmt::format(":{}", std::string_view(parsed->port())) : std::string();
  index.hosts.push_back(fmt::format("{}{}{}", parsed->scheme() == "http" ? "http://" : "", host, port));
  if (host == kPublicHost) index.hosts.emplace_back(kPublicFiles);
  return index;
}

}  // namespace librebird::python
