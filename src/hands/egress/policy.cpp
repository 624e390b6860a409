#include <librebird/hands/egress/fence.hpp>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace librebird::egress {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

Error denied(std::string message) { return make_error(Code::permission_denied, std::move(message)); }

}  // namespace

Status may_fetch(const std::vector<std::string>& hosts, std::string_view method, std::string_view url) {
  constexpr std::array<std::string_view, 6> kMethods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
  if (std::ranges::find(kMethods, method) == kMethods.end()) {
    return denied(fmt::format("The method {} is not allowed.", method.substr(0, 20)));
  }
  if (url.size() > 8192) return make_error(Code::invalid_argument, "The address is longer than 8192 bytes.");
  const auto parsed = boost::urls::parse_uri({url.data(), url.size()});
  if (!parsed)
    return make_error(Code::invalid_argument, "The request needs an absolute address, for example https://host/path.");
  const boost::urls::url_view& view = *parsed;
  if (view.has_userinfo()) return denied("An address with a user name in it is not allowed.");
  const std::string scheme = lower(std::string_view(view.scheme().data(), view.scheme().size()));
  const auto encoded = view.encoded_host();
  const std::string host = lower(std::string_view(encoded.data(), encoded.size()));
  const auto given_port = view.port();
  const std::string port(given_port.data(), given_port.size());
  const std::string usual = scheme == "https" ? "443" : "80";
  if (scheme != "https" && scheme != "http")
    return denied(fmt::format("The scheme {} is not allowed; use https.", scheme));
  for (const std::string& entry : hosts) {
    const bool plain = entry.starts_with("http://");
    const std::string allowed = lower(plain ? std::string_view(entry).substr(7) : std::string_view(entry));
    if (plain != (scheme == "http")) continue;
    if (allowed == host && (port.empty() || port == usual)) return Ok{};
    if (allowed == host + ":" + (port.empty() ? usual : port)) return Ok{};
  }
  return denied(fmt::format("The host {} is not among those this tool may reach ({}).", host,
                            hosts.empty() ? std::string("none") : fmt::format("{}", fmt::join(hosts, ", "))));
}

}  // namespace librebird::egress
