#include "tool_use.hpp"

#include <librebird/core/policy/approvals.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <array>

namespace librebird::hands {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxHosts = 16;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

// The argument's name says that a command is in it.
bool names_command(std::string_view name) {
  static constexpr std::array<std::string_view, 9> kNames{"argv",         "args_list", "command", "cmd", "commands",
                                                          "command_line", "shell",     "script",  "code"};
  return std::ranges::find(kNames, name) != kNames.end();
}

void add_host(std::vector<std::string>& hosts, std::string host) {
  if (host.empty() || std::ranges::find(hosts, host) != hosts.end()) return;
  hosts.push_back(std::move(host));
}

// Hosts of all addresses anywhere in the arguments.
void collect_hosts(const json::value& value, std::vector<std::string>& hosts) {
  if (hosts.size() > kMaxHosts) return;
  if (value.is_string()) {
    add_host(hosts, host_of(value.as_string()));
  } else if (value.is_array()) {
    for (const json::value& item : value.as_array()) collect_hosts(item, hosts);
  } else if (value.is_object()) {
    for (const auto& [name, item] : value.as_object()) collect_hosts(item, hosts);
  }
}

// "http://", "tunnel:" and a port are the fence's business.
std::string declared_host(std::string_view entry) {
  for (const std::string_view prefix : {"tunnel:", "https://", "http://"}) {
    if (entry.starts_with(prefix)) entry.remove_prefix(prefix.size());
  }
  if (const std::size_t colon = entry.rfind(':');
      colon != std::string_view::npos && entry.find(':') == colon && entry.find(']') == std::string_view::npos) {
    entry = entry.substr(0, colon);
  }
  return lower(entry);
}

void note_command(const json::object& arguments, ToolUse& use) {
  for (const auto& [name, value] : arguments) {
    if (!names_command(name)) continue;
    if (value.is_array() && !value.as_array().empty() && value.as_array().front().is_string() && use.program.empty()) {
      use.program = std::string_view(value.as_array().front().as_string());
      use.only_once = policy::why_not_always(use.program);
    } else {
      use.program.clear();
      use.only_once = "The call carries text for a shell or an interpreter; each such call is answered by itself.";
      return;
    }
  }
}

// Tools on this machine's desktop: a page's host, or the application.
void note_device(const json::object& arguments, ToolUse& use) {
  if (const json::value* url = arguments.if_contains("url"); url != nullptr && url->is_string()) {
    const std::string_view text = url->as_string();
    std::string host = host_of(text);
    // "example.org" is opened as https.
    if (host.empty() && text.find("://") == std::string_view::npos) host = host_of("https://" + std::string(text));
    use.hosts = {host.empty() ? "*" : host};
    if (host.empty()) use.only_once = "The address names no host to tie an answer to.";
  } else if (const json::value* name = arguments.if_contains("name"); name != nullptr && name->is_string()) {
    use.program = std::string_view(name->as_string());
    use.only_once = policy::why_not_always(use.program);
  }
}

}  // namespace

std::string host_of(std::string_view address) {
  const std::string start = lower(address.substr(0, 8));
  std::size_t at = 0;
  for (const std::string_view scheme : {"https://", "http://", "wss://", "ws://"}) {
    if (start.starts_with(scheme)) at = scheme.size();
  }
  if (at == 0) return {};
  address.remove_prefix(at);
  // A backslash ends a host for browsers (WHATWG URL), so nobody is led to read another one here.
  std::string_view authority = address.substr(0, address.find_first_of("/?#\\"));
  if (const std::size_t user = authority.rfind('@'); user != std::string_view::npos) authority.remove_prefix(user + 1);
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    return end == std::string_view::npos ? std::string() : lower(authority.substr(0, end + 1));
  }
  std::string host = lower(authority.substr(0, authority.find(':')));
  while (host.ends_with('.')) host.pop_back();
  if (host.size() > 253) return {};
  const auto odd = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '%' || c == '*'; };
  return std::ranges::any_of(host, odd) ? std::string() : host;
}

ToolUse use_of(const ToolSpec& tool, std::string_view arguments_json) {
  ToolUse use;
  use.writes = tool.writes || tool.work == WorkFolder::write;
  use.spends = tool.spends;
  use.network = !tool.network.empty();
  use.device = tool.runs_on == RunsOn::device;
  boost::system::error_code failure;
  const json::value parsed = json::parse(arguments_json, failure);
  static const json::object kNone;
  const json::object& arguments = !failure && parsed.is_object() ? parsed.as_object() : kNone;

  bool open_ended = false;
  for (const std::string& entry : tool.network) {
    std::string host = declared_host(entry);
    if (host.starts_with('*')) {
      open_ended = true;
    } else {
      add_host(use.hosts, std::move(host));
    }
  }
  if (open_ended) {
    // Which of many hosts, the arguments say; if they do not, it may be any.
    std::vector<std::string> named;
    collect_hosts(arguments, named);
    if (named.empty() || named.size() > kMaxHosts) named = {"*"};
    for (std::string& host : named) add_host(use.hosts, std::move(host));
  }
  note_command(arguments, use);
  if (use.device) note_device(arguments, use);
  return use;
}

}  // namespace librebird::hands
