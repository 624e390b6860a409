#include "address.hpp"

#include <fmt/format.h>
#include <boost/asio/ip/address.hpp>

#include <charconv>

namespace librebird::rpc {
namespace {

Error bad(std::string_view text, std::string_view why) {
  return {Code::invalid_argument,
          fmt::format("The RPC address \"{}\" {}; write host:port, grpc://host:port or unix:/path.", text, why)};
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  for (const char c : host) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!word && c != '-' && c != '.' && c != '_') return false;
  }
  return true;
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with("unix:")) {
    if (rest.size() <= 5 || rest[5] != '/') return bad(text, "needs an absolute path after unix:");
    return Address{std::string(rest), std::string(rest), true};
  }
  if (rest.starts_with("grpc://")) rest.remove_prefix(7);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return bad(text, "has no port");
  std::string_view host = rest.substr(0, colon);
  const std::string_view digits = rest.substr(colon + 1);
  unsigned port = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (failure != std::errc() || end != digits.data() + digits.size() || port > 65535) {
    return bad(text, "has no valid port");
  }
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";  // never ask a resolver what this machine is
  boost::system::error_code not_literal;
  const auto ip = boost::asio::ip::make_address(std::string(host), not_literal);
  if (not_literal) {
    if (bracketed || !is_host_name(host)) return bad(text, "has no valid host");
    const std::string both = fmt::format("{}:{}", host, port);
    return Address{"dns:///" + both, both, false};
  }
  if (ip.is_v6() != bracketed) return bad(text, "must have an IPv6 address in brackets");
  const std::string both = bracketed ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
  return Address{(bracketed ? "ipv6:" : "ipv4:") + both, both, ip.is_loopback()};
}

}  // namespace librebird::rpc
