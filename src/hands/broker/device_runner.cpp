#include "device_runner.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/base/process/process.hpp>

#include <boost/json.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>

namespace librebird::hands {
namespace json = boost::json;
namespace {

constexpr Millis kStartTimeout{10'000};

bool has_desktop() {
#ifdef __APPLE__
  return true;
#else
  for (const char* name : {"DISPLAY", "WAYLAND_DISPLAY"}) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return true;
  }
  return false;
#endif
}

std::string find_program(std::initializer_list<const char*> candidates) {
  for (const char* path : candidates) {
    if (access(path, X_OK) == 0) return path;
  }
  return {};
}

// What a desktop program needs to find its session, and nothing else: no keys, no tokens.
std::vector<std::string> desktop_environment() {
  std::vector<std::string> environment;
  for (const char* name : {"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "XDG_CURRENT_DESKTOP",
                           "XDG_SESSION_TYPE", "XDG_DATA_DIRS", "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS",
                           "DESKTOP_SESSION", "HOME", "USER", "LANG", "PATH", "BROWSER"}) {
    if (const char* value = std::getenv(name)) environment.push_back(fmt::format("{}={}", name, value));
  }
  return environment;
}

Error wrong(std::string message) { return make_error(Code::invalid_argument, std::move(message)); }

}  // namespace

Result<std::string> checked_url(std::string url) {
  if (url.empty() || url.size() > 2048) return wrong("The address must have 1 to 2048 characters.");
  if (std::ranges::any_of(url, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; })) {
    return wrong("The address must not hold spaces or control characters.");
  }
  const std::size_t colon = url.find(':');
  const std::size_t end_of_host = url.find_first_of("/?#");
  // "host:8080/path" has a port, not a scheme.
  const bool port =
      colon != std::string::npos && colon + 1 < url.size() && url[colon + 1] >= '0' && url[colon + 1] <= '9';
  if (colon == std::string::npos || colon > end_of_host || port) {
    if (url[0] == '-' || url[0] == '/') return wrong("That is not a web address.");
    return "https://" + url;
  }
  std::string scheme = url.substr(0, colon);
  std::ranges::transform(scheme, scheme.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const bool web =
      (scheme == "http" || scheme == "https") && url.compare(colon, 3, "://") == 0 && url.size() > colon + 3;
  if (web || scheme == "mailto") return url;
  return wrong("Only http, https and mailto addresses can be opened.");
}

Result<std::string> checked_app_name(std::string name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  if (name.empty() || name.size() > 100 || name[0] == '-' || name[0] == '.' || !std::ranges::all_of(name, allowed)) {
    return wrong("An application's name is made of letters, digits, dot, dash and underscore.");
  }
  return name;
}

Task<Status> DeviceRunner::start(std::vector<std::string> argv, std::stop_token stop) {
  SpawnOptions options{.argv = std::move(argv), .environment = desktop_environment()};
  options.working_directory = "/";
  options.die_with_parent = false;  // what was opened stays open
  LB_CO_TRY(process, Process::spawn(executor_, std::move(options)));
  Process& child = *process;
  Scope scope(executor_);
  bool late = false;
  scope.spawn(
      [](Process& running, bool& overdue, std::stop_token done) -> Task<void> {
        if (co_await sleep_for(kStartTimeout, done)) {
          overdue = true;
          running.kill(SIGTERM);
        }
      }(child, late, scope.token()),
      "device timeout");
  const auto kill = [&child] { child.kill(SIGTERM); };
  const std::stop_callback on_stop(stop, kill);
  const ExitStatus status = co_await child.wait();
  scope.cancel();
  co_await scope.join();
  if (late) co_return make_error(Code::deadline_exceeded, "The desktop did not answer within 10 seconds.");
  if (status.signalled || status.value != 0) co_return make_error(Code::unavailable, "The desktop could not open it.");
  co_return Ok{};
}

Task<Result<std::string>> DeviceRunner::run(ToolSpec tool, std::string arguments_json, std::stop_token stop) {
  boost::system::error_code error;
  const json::value parsed = json::parse(arguments_json, error);
  const auto text = [&parsed](std::string_view key) {
    const json::value* value = parsed.is_object() ? parsed.as_object().if_contains(key) : nullptr;
    return std::string(value != nullptr && value->is_string() ? std::string_view(value->as_string())
                                                              : std::string_view());
  };
  const bool url = tool.name == "open_url";
  if (!url && tool.name != "open_app")
    co_return wrong(fmt::format("The tool {} cannot run on this machine.", tool.name));
  auto target = url ? checked_url(text("url")) : checked_app_name(text("name"));
  const std::string_view key = url ? "url" : "app";
  Status done = Ok{};
  if (!target) {
    done = target.error();
  } else if (!has_desktop()) {
    done = make_error(Code::failed_precondition, "This machine has no desktop session; open it on your own device.");
  } else {
#ifdef __APPLE__
    std::string program = find_program({"/usr/bin/open"});
    std::vector<std::string> argv =
        url ? std::vector<std::string>{program, *target} : std::vector<std::string>{program, "-a", *target};
#else
    std::string program = url ? find_program({"/usr/bin/xdg-open", "/usr/local/bin/xdg-open"})
                              : find_program({"/usr/bin/gtk-launch", "/usr/local/bin/gtk-launch"});
    std::vector<std::string> argv{program, *target};
#endif
    if (program.empty()) {
      done = make_error(Code::failed_precondition, url ? "xdg-open is missing; install the package xdg-utils."
                                                       : "gtk-launch is missing; install the package libgtk-3-bin.");
    } else {
      done = co_await start(std::move(argv), stop);
    }
  }
  if (!done)
    co_return json::serialize(json::object{{key, text(url ? "url" : "name")}, {"error", done.error().message}});
  if (url) co_return json::serialize(json::object{{"opened", *target}, {"status", "success"}});
  co_return json::serialize(json::object{{"app", *target}, {"status", "opened"}});
}

}  // namespace librebird::hands
