#pragma once

// From a request-target (RFC 9112, section 3.2) to the path that handlers see. Pure, any thread.

#include <librebird/base/result.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace librebird::net {

struct Target {
  std::string path;   // decoded, normalised, begins with '/'
  std::string query;  // raw
  std::string authority;  // of an absolute-form target: it stands for the Host header
};

// Origin form, absolute form (http or https) and, for OPTIONS, "*". Any dot segment that climbs over the root, a
// control character, broken UTF-8 or a bad escape: invalid_argument.
Result<Target> parse_target(std::string_view method, std::string_view target);

// Percent-decodes; nullopt on a bad escape. `plus_is_space` as in forms.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

// A host with an optional port, without user info (RFC 9110, section 7.2).
[[nodiscard]] bool is_authority(std::string_view text);

}  // namespace librebird::net
