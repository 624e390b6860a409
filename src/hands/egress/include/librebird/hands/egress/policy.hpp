#pragma once

// Which hosts a call may reach. Pure; any thread.
//
// An entry is [http://|tunnel:]HOST[:PORT], where HOST is a name, "*.suffix" (names below it, not itself), "*" (any
// name) or an address in its usual notation. Without a prefix it means HTTPS that the fence inspects (port 443),
// "http://" plain HTTP (port 80), "tunnel:" a connection passed through unseen (port 443).
//
// A host is refused, whatever the lists say, when it is written in a way two programs could read differently: user
// info, percent escapes, a trailing dot, a zone, letters outside ASCII, an address that is not in its usual notation.
// "*" stands for public names only: not for addresses, not for names without a dot, not for names of local networks.

#include <librebird/base/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::egress {

// Where a request goes.
struct Target {
  bool tls = true;
  std::string host;    // lower case, checked; an IPv6 address without brackets
  std::uint16_t port = 443;
  std::string path;    // with the query; empty for CONNECT

  [[nodiscard]] std::string authority() const;  // host, and the port where it is not the usual one
  [[nodiscard]] std::string url() const;
  [[nodiscard]] bool same_origin(const Target& other) const;
};

// "http://host/path" or "https://host/path". invalid_argument.
Result<Target> parse_target(std::string_view url);
// "host:port" of CONNECT, or of a Host header (then the port may be missing: `usual_port`).
Result<Target> parse_authority(std::string_view text, std::optional<std::uint16_t> usual_port);
// The host of an entry or a request: lower case and beyond doubt. invalid_argument says what is wrong with it.
Result<std::string> parse_host(std::string_view text);
[[nodiscard]] bool is_numeric_host(std::string_view host);

class HostList {
 public:
  // invalid_argument names the entry.
  static Result<HostList> parse(const std::vector<std::string>& entries);

  enum class Match { none, inspected, tunnel };
  [[nodiscard]] Match match(const Target& target) const;
  // Of a CONNECT, before it shows whether TLS or plain HTTP is spoken in it: may either be?
  [[nodiscard]] Match match_connect(const std::string& host, std::uint16_t port) const;
  [[nodiscard]] bool has_tunnels() const;
  [[nodiscard]] bool only_exact() const;
  [[nodiscard]] const std::vector<std::string>& entries() const { return entries_; }

 private:
  enum class Kind { https, http, tunnel };
  enum class Names { exact, below, any };
  struct Rule {
    Kind kind = Kind::https;
    Names names = Names::exact;
    std::string host;  // for `below` with its leading dot
    std::uint16_t port = 443;
  };
  static Result<Rule> parse_rule(std::string_view entry);
  static bool covers(const Rule& rule, std::string_view host, std::uint16_t port);

  std::vector<std::string> entries_;
  std::vector<Rule> rules_;
};

// The tool's hosts and, where it has any, the workspace's: both must allow, and what either inspects is inspected.
struct HostPolicy {
  HostList tool;
  std::optional<HostList> workspace;

  // permission_denied says why, and what would allow it.
  [[nodiscard]] Result<HostList::Match> check(const Target& target) const;
  [[nodiscard]] Result<HostList::Match> check_connect(const std::string& host, std::uint16_t port) const;
};

}  // namespace librebird::egress
