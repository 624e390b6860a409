#include "request_target.hpp"

#include <librebird/base/utf8.hpp>

#include <algorithm>
#include <vector>

namespace librebird::net {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

Error bad_target(std::string_view why) {
  return make_error(Code::invalid_argument, "The request's target is not valid: " + std::string(why) + ".");
}

// RFC 3986, section 5.2.4, with empty segments folded; false when ".." climbs over the root.
bool normalise(std::string& path) {
  if (path.find("//") == std::string::npos && path.find("/.") == std::string::npos) return true;
  std::string out;
  out.reserve(path.size());
  std::vector<std::size_t> starts;
  std::size_t at = 0;
  bool folder = false;
  while (at < path.size()) {
    const std::size_t end = std::min(path.find('/', at + 1), path.size());
    const std::string_view segment = std::string_view(path).substr(at + 1, end - at - 1);
    folder = segment.empty() || segment == "." || segment == "..";
    if (segment == "..") {
      if (starts.empty()) return false;
      out.resize(starts.back());
      starts.pop_back();
    } else if (!folder) {
      starts.push_back(out.size());
      out += '/';
      out += segment;
    }
    at = end;
  }
  if (folder || out.empty()) out += '/';
  path = std::move(out);
  return true;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

bool is_authority(std::string_view text) {
  if (text.empty() || text.size() > 300) return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~:[]%!$&'()*+;=").find(c) != std::string_view::npos;
  });
}

Result<Target> parse_target(std::string_view method, std::string_view target) {
  Target out;
  if (method == "CONNECT") return bad_target("this server is not a proxy");
  if (!target.starts_with('/')) {
    if (method == "OPTIONS" && target == "*") return Target{"/", {}, {}};
    const std::size_t scheme = target.find("://");
    std::string name(target.substr(0, scheme == std::string_view::npos ? 0 : scheme));
    std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    if (name != "http" && name != "https") return bad_target("it must begin with '/'");
    target.remove_prefix(scheme + 3);
    const std::size_t end = std::min(target.find_first_of("/?#"), target.size());
    if (!is_authority(target.substr(0, end))) return bad_target("its host is not valid");
    out.authority = target.substr(0, end);
    target.remove_prefix(end);
  }
  if (target.find('#') != std::string_view::npos) return bad_target("it holds a fragment");
  if (std::ranges::any_of(target, is_control)) return bad_target("it holds a control character");
  const std::size_t question = target.find('?');
  if (question != std::string_view::npos) out.query = target.substr(question + 1);
  auto path = percent_decode(target.substr(0, question), false);
  if (!path) return bad_target("a '%' is not followed by two hexadecimal digits");
  if (path->empty()) *path = "/";
  if (path->front() != '/') return bad_target("it must begin with '/'");
  if (std::ranges::any_of(*path, is_control)) return bad_target("it holds a control character");
  if (!is_utf8(*path)) return bad_target("it is not UTF-8");
  if (!normalise(*path)) return bad_target("it climbs over the root");
  out.path = std::move(*path);
  return out;
}

}  // namespace librebird::net
