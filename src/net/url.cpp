#include "url.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <charconv>

namespace librebird::net {
namespace {

std::string bracketed(const Url& url) {
  return url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
}

}  // namespace

std::string Url::origin() const {
  return (tls ? "https://" : "http://") + bracketed(*this) + ":" + std::to_string(port);
}

std::string Url::host_header() const {
  return port == (tls ? 443 : 80) ? bracketed(*this) : bracketed(*this) + ":" + std::to_string(port);
}

Result<Url> parse_url(const std::string& text) {
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed)
    return make_error(Code::invalid_argument, "The URL is not valid; it must begin with http:// or https://.");
  const boost::urls::url_view& view = *parsed;
  Url url;
  url.tls = view.scheme_id() == boost::urls::scheme::https;
  if (!url.tls && view.scheme_id() != boost::urls::scheme::http) {
    return make_error(Code::invalid_argument, "Only http:// and https:// URLs can be requested.");
  }
  if (view.has_userinfo()) {
    return make_error(Code::invalid_argument, "A URL must not hold a user name or password; send them in a header.");
  }
  if (view.host_type() == boost::urls::host_type::ipvfuture) {
    return make_error(Code::invalid_argument, "The URL's host is not valid.");
  }
  url.host = view.host_type() == boost::urls::host_type::ipv6 ? view.host_ipv6_address().to_string() : view.host();
  std::ranges::transform(url.host, url.host.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  const bool plain = std::ranges::all_of(url.host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':';
  });
  if (url.host.empty() || url.host.size() > 253 || !plain) {
    return make_error(Code::invalid_argument, "The URL's host is not valid.");
  }
  url.port = url.tls ? 443 : 80;
  if (view.has_port() && !view.port().empty()) {
    const auto digits = view.port();
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
    if (failure != std::errc{} || end != digits.data() + digits.size() || url.port == 0)
      return make_error(Code::invalid_argument, "The URL's port is not valid.");
  }
  const auto path = view.encoded_path();
  url.target.assign(path.data(), path.size());
  if (url.target.empty()) url.target = "/";
  if (view.has_query()) {
    const auto query = view.encoded_query();
    url.target += '?';
    url.target.append(query.data(), query.size());
  }
  return url;
}

}  // namespace librebird::net
