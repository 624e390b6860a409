// Hosts, authorities and addresses of requests: one reading of each, or none.

#include "ascii.hpp"

#include <librebird/hands/egress/policy.hpp>

#include <arpa/inet.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace librebird::egress {
namespace {

constexpr std::size_t kMaxUrl = 16 * 1024;

Error bad(std::string message) { return make_error(Code::invalid_argument, std::move(message)); }

Error bad_host(std::string_view host, const char* why) {
  return bad(fmt::format("The host \"{}\" is not accepted: {}.", printable(host, 100), why));
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// inet_aton and the URL standard read a name as an IPv4 address if its last label is a number, hexadecimal included.
bool ends_in_number(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);  // npos + 1 is 0
  return is_digits(last) || (last.starts_with("0x") && std::ranges::all_of(last.substr(2), [](char c) {
                               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                             }));
}

Result<std::string> parse_ipv6(std::string_view text) {
  in6_addr address{};
  const std::string inside(text);
  std::array<char, INET6_ADDRSTRLEN> out{};
  if (inside.find('%') != std::string::npos) return bad_host(text, "an address with a zone is of one machine only");
  if (::inet_pton(AF_INET6, inside.c_str(), &address) != 1 ||
      ::inet_ntop(AF_INET6, &address, out.data(), out.size()) == nullptr) {
    return bad_host(text, "it is no IPv6 address");
  }
  return std::string(out.data());
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (!is_digits(text) || error != std::errc{} || end != text.data() + text.size() || port == 0) {
    return bad(fmt::format("The port \"{}\" is no number from 1 to 65535.", printable(text, 20)));
  }
  return port;
}

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Real programs leave brackets, bars, stray percent signs and more unescaped; what is passed on is escaped.
Result<std::string> clean_path(std::string_view path) {
  constexpr std::string_view kEscaped = "\"<>^`{|}";
  std::string clean;
  bool in_query = false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '#' || c == '\\' || byte <= 0x20 || byte == 0x7f) {
      return bad("The address holds a character that is not allowed.");
    }
    in_query = in_query || c == '?';
    const bool stray = c == '%' && !(i + 2 < path.size() && is_hex(path[i + 1]) && is_hex(path[i + 2]));
    const bool bracket = !in_query && (c == '[' || c == ']');
    if (stray || bracket || byte > 0x7e || kEscaped.find(c) != std::string_view::npos) {
      clean += fmt::format("%{:02X}", byte);
    } else {
      clean += c;
    }
  }
  return clean;
}

}  // namespace

bool is_numeric_host(std::string_view host) { return host.find(':') != std::string_view::npos || ends_in_number(host); }

Result<std::string> parse_host(std::string_view text) {
  if (text.starts_with('[')) {
    if (!text.ends_with(']')) return bad_host(text, "its bracket is not closed");
    return parse_ipv6(text.substr(1, text.size() - 2));
  }
  if (text.empty() || text.size() > 253) return bad_host(text, "a name has 1 to 253 characters");
  if (text.find('@') != std::string_view::npos) return bad_host(text, "it holds a user name");
  if (text.find('%') != std::string_view::npos) return bad_host(text, "it is percent-encoded");
  std::string host = lower(text);
  if (std::ranges::any_of(host, [](char c) { return static_cast<unsigned char>(c) > 0x7e; })) {
    return bad_host(text, "write names outside ASCII in their xn-- form");
  }
  if (host.ends_with('.')) return bad_host(text, "write it without the dot at its end");
  std::string_view rest = host;
  for (bool more = true; more;) {
    const std::size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    const bool fine = !label.empty() && label.size() <= 63 && std::ranges::all_of(label, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    if (!fine) return bad_host(text, "a name is made of letters, digits and hyphens, with single dots between");
    more = dot != std::string_view::npos;
    if (more) rest.remove_prefix(dot + 1);
  }
  if (ends_in_number(host)) {
    in_addr address{};
    // inet_pton takes four decimal numbers without leading zeros, and nothing else.
    if (::inet_pton(AF_INET, host.c_str(), &address) != 1) {
      return bad_host(text, "an IPv4 address is written as four decimal numbers");
    }
  }
  return host;
}

Result<Target> parse_authority(std::string_view text, std::optional<std::uint16_t> usual_port) {
  Target target;
  std::size_t colon = text.rfind(':');
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return bad_host(text, "its bracket is not closed");
    if (end + 1 < text.size() && text[end + 1] != ':') return bad_host(text, "something follows its bracket");
    colon = end + 1 < text.size() ? end + 1 : std::string_view::npos;
  }
  LB_TRY(host, parse_host(text.substr(0, colon)));
  target.host = std::move(host);
  if (colon != std::string_view::npos) {
    LB_TRY(port, parse_port(text.substr(colon + 1)));
    target.port = port;
  } else if (usual_port) {
    target.port = *usual_port;
  } else {
    return bad("The port is missing: write host:port.");
  }
  return target;
}

Result<Target> parse_target(std::string_view url) {
  if (url.size() > kMaxUrl) return bad(fmt::format("The address is longer than {} bytes.", kMaxUrl));
  const std::size_t colon = url.find("://");
  const std::string scheme = lower(url.substr(0, colon == std::string_view::npos ? 0 : colon));
  if (scheme.empty()) return bad("The request needs an absolute address, for example https://host/path.");
  if (scheme != "https" && scheme != "http") {
    return bad(fmt::format("The scheme {} is not allowed; use https.", printable(scheme, 20)));
  }
  const bool tls = scheme == "https";
  std::string_view rest = url.substr(colon + 3);
  const std::size_t end = rest.find_first_of("/?");
  LB_TRY(target, parse_authority(rest.substr(0, end), tls ? 443 : 80));
  target.tls = tls;
  target.path = end == std::string_view::npos ? "/" : std::string(rest.substr(end));
  if (target.path.starts_with('?')) target.path.insert(0, "/");
  LB_TRY(path, clean_path(target.path));
  target.path = std::move(path);
  return target;
}

std::string Target::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == (tls ? 443 : 80) ? name : fmt::format("{}:{}", name, port);
}

std::string Target::url() const { return fmt::format("{}://{}{}", tls ? "https" : "http", authority(), path); }

bool Target::same_origin(const Target& other) const {
  return tls == other.tls && host == other.host && port == other.port;
}

}  // namespace librebird::egress
