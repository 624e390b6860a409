#include <librebird/hands/egress/policy.hpp>

#include "ascii.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace librebird::egress {
namespace {

// Names that mean something else in every network (RFC 6761, RFC 6762, RFC 8375; .internal is ICANN's).
constexpr std::array<std::string_view, 8> kLocal = {".localhost", ".local",       ".internal", ".home.arpa",
                                                    ".lan",       ".localdomain", ".intranet", ".corp"};

bool is_public_name(std::string_view host) {
  return !is_numeric_host(host) && host.find('.') != std::string_view::npos &&
         std::ranges::none_of(kLocal, [&](std::string_view suffix) { return host.ends_with(suffix); });
}

Error denied(std::string_view what, const std::string& host, const HostList& list, std::string_view whose,
             const std::string& entry) {
  const auto& entries = list.entries();
  std::string known =
      fmt::format("{}", fmt::join(entries.begin(), entries.begin() + std::min<long>(std::ssize(entries), 8), ", "));
  if (entries.size() > 8) known += ", ...";
  return make_error(Code::permission_denied,
                    fmt::format("{} {} is not among the hosts that {} allows ({}); \"{}\" there would allow it.", what,
                                host, whose, known.empty() ? "none" : known, entry));
}

std::string entry_for(const Target& target) { return (target.tls ? "" : "http://") + target.authority(); }

}  // namespace

Result<HostList::Rule> HostList::parse_rule(std::string_view entry) {
  Rule rule;
  std::string_view text = entry;
  if (text.starts_with("http://")) {
    rule.kind = Kind::http;
    text.remove_prefix(7);
  } else if (text.starts_with("https://")) {
    text.remove_prefix(8);
  } else if (text.starts_with("tunnel:")) {
    rule.kind = Kind::tunnel;
    text.remove_prefix(7);
  }
  if (text.starts_with("*.")) {
    rule.names = Names::below;
    text.remove_prefix(2);
  } else if (text == "*" || text.starts_with("*:")) {
    rule.names = Names::any;
  }
  const std::string with_name = rule.names == Names::any ? "any" + std::string(text.substr(1)) : std::string(text);
  auto parsed = parse_authority(with_name, rule.kind == Kind::http ? 80 : 443);
  if (!parsed) {
    return make_error(Code::invalid_argument, fmt::format("The host entry \"{}\" is not valid: {}",
                                                          printable(entry, 100), parsed.error().message));
  }
  rule.port = parsed->port;
  rule.host = rule.names == Names::below ? "." + parsed->host : parsed->host;
  if (rule.names == Names::below && is_numeric_host(parsed->host)) {
    return make_error(Code::invalid_argument,
                      fmt::format("The host entry \"{}\" is not valid: addresses have no subdomains.", entry));
  }
  return rule;
}

Result<HostList> HostList::parse(const std::vector<std::string>& entries) {
  HostList list;
  list.entries_ = entries;
  for (const std::string& entry : entries) {
    LB_TRY(rule, parse_rule(entry));
    list.rules_.push_back(std::move(rule));
  }
  return list;
}

bool HostList::covers(const Rule& rule, std::string_view host, std::uint16_t port) {
  if (rule.port != port) return false;
  switch (rule.names) {
    case Names::exact: return rule.host == host;
    case Names::below: return host.size() > rule.host.size() && host.ends_with(rule.host);
    case Names::any: return is_public_name(host);
  }
  return false;
}

HostList::Match HostList::match(const Target& target) const {
  // A host that may be tunnelled to may be spoken with openly, too.
  const bool found = std::ranges::any_of(rules_, [&](const Rule& rule) {
    return (rule.kind != Kind::http) == target.tls && covers(rule, target.host, target.port);
  });
  return found ? Match::inspected : Match::none;
}

HostList::Match HostList::match_connect(const std::string& host, std::uint16_t port) const {
  Match found = Match::none;
  for (const Rule& rule : rules_) {
    if (!covers(rule, host, port)) continue;
    if (rule.kind == Kind::tunnel) return Match::tunnel;
    found = Match::inspected;
  }
  return found;
}

bool HostList::has_tunnels() const {
  return std::ranges::any_of(rules_, [](const Rule& rule) { return rule.kind == Kind::tunnel; });
}

bool HostList::only_exact() const {
  return std::ranges::all_of(rules_, [](const Rule& rule) { return rule.names == Names::exact; });
}

Result<HostList::Match> HostPolicy::check(const Target& target) const {
  const std::string shown = target.authority();
  if (tool.match(target) == HostList::Match::none) {
    return denied(target.tls ? "The host" : "Plain HTTP to", shown, tool, "this tool", entry_for(target));
  }
  if (workspace && workspace->match(target) == HostList::Match::none) {
    return denied(target.tls ? "The host" : "Plain HTTP to", shown, *workspace, "the workspace", entry_for(target));
  }
  return HostList::Match::inspected;
}

Result<HostList::Match> HostPolicy::check_connect(const std::string& host, std::uint16_t port) const {
  Target target;
  target.host = host;
  target.port = port;
  const HostList::Match by_tool = tool.match_connect(host, port);
  if (by_tool == HostList::Match::none)
    return denied("The host", target.authority(), tool, "this tool", entry_for(target));
  if (!workspace) return by_tool;
  const HostList::Match by_workspace = workspace->match_connect(host, port);
  if (by_workspace == HostList::Match::none) {
    return denied("The host", target.authority(), *workspace, "the workspace", entry_for(target));
  }
  return by_tool == by_workspace ? by_tool : HostList::Match::inspected;
}

}  // namespace librebird::egress
