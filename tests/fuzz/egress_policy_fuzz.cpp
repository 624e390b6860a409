// fuzz-links: librebird_hands_egress
// Addresses, authorities and host entries: what is accepted is in one notation, and "*" is for public names only. The
// first line is an entry of the policy, the rest an address. Streams with secrets come out the same however they are
// cut.
#include "replacer.hpp"

#include <librebird/hands/egress/policy.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

using namespace librebird::egress;

namespace {

void check(bool fine) {
  if (!fine) std::abort();
}

void check_host(const std::string& host) {
  check(!host.empty() && host.size() <= 253 && !host.ends_with('.'));
  for (const char c : host) {
    check((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':');
  }
  const std::string written = host.find(':') == std::string::npos ? host : "[" + host + "]";
  const auto again = parse_host(written);
  check(again.ok() && *again == host);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(text.find('\n'), text.size());
  const std::string_view address = text.substr(std::min(line + 1, text.size()));
  const auto list = HostList::parse({std::string(text.substr(0, line))});
  const auto any = HostList::parse({"*", "http://*"});
  if (const auto target = parse_target(address); target.ok()) {
    check_host(target->host);
    check(target->port != 0 && target->path.starts_with('/'));
    for (const char c : target->path) check(c > 0x20 && c < 0x7f && c != '#' && c != '\\');
    const auto again = parse_target(target->url());
    check(again.ok() && again->same_origin(*target) && again->path == target->path);
    if (any->match(*target) != HostList::Match::none) {
      check(!is_numeric_host(target->host) && target->host.find('.') != std::string::npos);
      check(target->port == (target->tls ? 443 : 80));
    }
    if (list.ok() && list->match(*target) == HostList::Match::inspected && list->only_exact()) {
      check(text.substr(0, line).size() >= 1);
    }
  }
  if (const auto authority = parse_authority(address, 443); authority.ok()) check_host(authority->host);
  const std::vector<Replacement> secrets = {{"abcab", "1"}, {"abc", "22"}, {"cabx", ""}};
  Replacer whole(secrets);
  Replacer cut(secrets);
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) out += cut.feed(text.substr(at, 1));
  out += cut.finish();
  check(whole.all(text) == out);
  return 0;
}
