#include "git_source.hpp"

#include <librebird/core/manifest/manifest.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace librebird::hands {
namespace {

constexpr std::string_view kHelp = "use https://host/path of a public repository";

// Values come in as parameters, never as text of the script.
constexpr const char* kScript = R"(set -e
git init -q --template= /out/repository
cd /out/repository
git fetch -q --depth 1 --no-tags -- "$1" "$2"
git checkout -q --detach FETCH_HEAD
git rev-parse HEAD
)";

Error wrong(std::string_view what) {
  return make_error(Code::invalid_argument, fmt::format("The git address {}: {}.", what, kHelp));
}

bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-~:+%").find(c) != std::string_view::npos;
  });
}

std::string host_of(std::string_view url) {
  std::string host(url.substr(8, url.find('/', 8) - 8));
  std::ranges::transform(host, host.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return host;
}

}  // namespace

Result<GitSource> check_git(std::string url, std::string ref, bool local_allowed) {
  while (url.ends_with('/')) url.pop_back();
  const bool good_ref = ref.size() <= 200 && !ref.starts_with('-') && !ref.starts_with('/') &&
                        ref.find("..") == std::string::npos && ref.find(':') == std::string::npos && is_plain(ref);
  if (!good_ref) {
    return make_error(Code::invalid_argument,
                      "The git reference must be the name of a branch or tag, or a commit's id.");
  }
  if (url.size() > 500) return wrong("is too long");
  if (url.starts_with("file://")) url.erase(0, 7);
  if (url.starts_with('/')) {
    if (!local_allowed) return wrong("is a path of the server");
    if (url.find("/../") != std::string::npos || url.ends_with("/..") || url.find('\n') != std::string::npos) {
      return wrong("is no plain path");
    }
    return GitSource{std::move(url), std::move(ref), true};
  }
  if (!url.starts_with("https://")) return wrong("does not begin with https://");
  if (url.find('@') != std::string::npos) return wrong("holds a user or a password, which would be kept and shown");
  if (!is_plain(url) || url.find('/', 8) == std::string::npos || !manifest::covers({host_of(url)}, host_of(url))) {
    return wrong("has no host and path");
  }
  return GitSource{std::move(url), std::move(ref), false};
}

Task<Result<std::string>> fetch_git(ContainedBuild& build, GitSource source, std::string target, std::stop_token stop) {
  SandboxSpec spec;
  spec.system = true;
  spec.argv = {"/bin/sh",
               "-c",
               kScript,
               "sh",
               source.local ? "file:///source" : source.url,
               source.ref.empty() ? "HEAD" : source.ref};
  spec.environment = {"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",           "GIT_ALLOW_PROTOCOL=https:file",
                      "GIT_CONFIG_COUNT=1",    "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"};
  spec.mounts = {{target, "/out", true}};
  std::vector<std::string> hosts;
  if (source.local) {
    spec.mounts.push_back({source.url, "/source", false});
  } else {
    hosts.push_back(host_of(source.url));
  }
  spec.limits.wall_time = Millis(120'000);
  spec.limits.cpu_seconds = 60;
  LB_CO_TRY(run, co_await build.run_public(std::move(spec), std::move(hosts), stop));
  if (run.end != SandboxEnd::exited || run.exit_code != 0) co_return explain("Fetching the git repository", run);
  std::string commit = run.output.substr(0, run.output.find('\n'));
  const bool good =
      commit.size() >= 40 && commit.size() <= 64 && commit.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!good) co_return make_error(Code::failed_precondition, "git did not say which commit it fetched.");
  co_return commit;
}

}  // namespace librebird::hands
