#include "secrets.hpp"

#include "ascii.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace librebird::egress {
namespace {

constexpr std::size_t kShortestPlaceholder = 16;
constexpr std::size_t kLongestPlaceholder = 128;
constexpr std::size_t kLongestValue = 16 * 1024;
// Shorter values occur by chance, and hiding them would garble what returns.
constexpr std::size_t kShortestRedacted = 6;
constexpr std::size_t kMaxLeases = 64;

Error bad(std::string message) { return make_error(Code::invalid_argument, std::move(message)); }

bool is_placeholder(std::string_view text) {
  return text.size() >= kShortestPlaceholder && text.size() <= kLongestPlaceholder &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

std::string written(std::string_view value, Writing writing) {
  switch (writing) {
    case Writing::raw: break;
    case Writing::percent: return percent_encoded(value);
    case Writing::json: return json_escaped(value);
  }
  return std::string(value);
}

// What the base64 of anything that holds `value` at this offset modulo three must hold.
std::string base64_core(const std::string& value, std::size_t offset) {
  const std::string encoded = base64(std::string(offset, 'x') + value);
  const std::size_t first = offset == 0 ? 0 : offset + 1;
  const std::size_t whole = (offset + value.size()) * 8 / 6;  // characters that no later byte can change
  return whole > first ? encoded.substr(first, whole - first) : std::string();
}

}  // namespace

Writing writing_of(const HttpHeaders& headers) {
  const auto type = find_header(headers, "Content-Type");
  if (!type) return Writing::raw;
  const std::string media = lower(trim(type->substr(0, type->find(';'))));
  if (media == "application/x-www-form-urlencoded") return Writing::percent;
  if (media == "application/json" || media.ends_with("+json")) return Writing::json;
  return Writing::raw;
}

Result<Secrets> Secrets::make(std::vector<SecretLease> leases) {
  Secrets made;
  if (leases.size() > kMaxLeases) return bad(fmt::format("A call has at most {} secrets.", kMaxLeases));
  for (SecretLease& lease : leases) {
    if (!is_placeholder(lease.placeholder)) {
      return bad(fmt::format("A secret's placeholder has {} to {} letters, digits, hyphens or underscores.",
                             kShortestPlaceholder, kLongestPlaceholder));
    }
    if (lease.value.empty() || lease.value.size() > kLongestValue) {
      return bad(
          fmt::format("The secret behind {} is empty or longer than {} bytes.", lease.placeholder, kLongestValue));
    }
    for (const std::string& host : lease.hosts) {
      if (host.starts_with("*") && !host.starts_with("*.")) {
        return bad(fmt::format("The secret behind {} must name its hosts, not \"{}\".", lease.placeholder, host));
      }
      if (host.starts_with("http://")) {
        return bad(fmt::format("The secret behind {} cannot go over plain HTTP; declare the host without http://.",
                               lease.placeholder));
      }
    }
    LB_TRY(hosts, HostList::parse(lease.hosts));
    const std::string& value = lease.value;
    if (value.size() >= kShortestRedacted) {
      for (const std::string& form : {value, percent_encoded(value), json_escaped(value)}) {
        made.redactions_.push_back({form, lease.placeholder});
      }
      for (std::size_t offset = 0; offset < 3; ++offset) {
        const std::string form = base64_core(value, offset);
        if (form.size() >= kShortestRedacted) made.redactions_.push_back({form, lease.placeholder});
      }
    }
    made.leases_.push_back({std::move(lease), std::move(hosts)});
  }
  return made;
}

bool Secrets::is_for(const Lease& lease, const Target& target) {
  return target.tls && lease.hosts.match(target) != HostList::Match::none;
}

bool Secrets::any_for(const Target& target) const {
  return std::ranges::any_of(leases_, [&](const Lease& lease) { return is_for(lease, target); });
}

Error Secrets::misdirected(const Lease& lease, const Target& target) {
  const auto& hosts = lease.secret.hosts;
  return make_error(Code::permission_denied,
                    fmt::format("A secret of this call may go over HTTPS to its declared hosts only ({}), not to {}{}.",
                                hosts.empty() ? std::string("none") : fmt::format("{}", fmt::join(hosts, ", ")),
                                target.tls ? "" : "http://", target.authority()));
}

std::optional<Error> Secrets::forbidden(const Target& target, std::string_view text) const {
  for (const Lease& lease : leases_) {
    if (!is_for(lease, target) && text.find(lease.secret.placeholder) != std::string_view::npos) {
      return misdirected(lease, target);
    }
  }
  return std::nullopt;
}

std::size_t Secrets::longest_placeholder() const {
  std::size_t longest = 0;
  for (const Lease& lease : leases_) longest = std::max(longest, lease.secret.placeholder.size());
  return longest;
}

Result<std::string> Secrets::put(const Target& target, std::string_view text, Writing writing) const {
  if (auto wrong = forbidden(target, text)) return std::move(*wrong);
  return into_body(target, writing).all(text);
}

Replacer Secrets::into_body(const Target& target, Writing writing) const {
  std::vector<Replacement> replacements;
  for (const Lease& lease : leases_) {
    if (!is_for(lease, target)) continue;
    replacements.push_back({lease.secret.placeholder, written(lease.secret.value, writing)});
  }
  return Replacer(std::move(replacements));
}

Result<std::string> Secrets::into_path(const Target& target) const {
  for (const Lease& lease : leases_) {
    if (target.host.find(lower(lease.secret.placeholder)) != std::string::npos) return misdirected(lease, target);
  }
  return put(target, target.path, Writing::percent);
}

Status Secrets::into_headers(const Target& target, HttpHeaders& headers) const {
  for (auto& [name, value] : headers) {
    if (forbidden(target, name)) return *forbidden(target, name);
    const std::string_view text = value;
    if (text.size() > 6 && same(text.substr(0, 6), "basic ")) {
      if (auto plain = from_base64(trim(text.substr(6)))) {
        LB_TRY(filled, put(target, *plain, Writing::raw));
        if (filled != *plain) {
          value = "Basic " + base64(filled);
          continue;
        }
      }
    }
    LB_TRY(filled, put(target, value, Writing::raw));
    if (!is_field_value(filled)) return bad("A secret of this call holds line breaks, so it cannot stand in a header.");
    value = std::move(filled);
  }
  return Ok{};
}

Replacer Secrets::redactor() const { return Replacer(redactions_); }

}  // namespace librebird::egress
