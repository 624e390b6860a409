#pragma once

// How a tool reaches the network: through the egress fence's Unix socket, one request at a time, blocking (a tool has
// its process for itself). The fence decides what is allowed; TLS happens there.

#include <librebird/skills/tool.hpp>

#include <string>
#include <string_view>

namespace librebird::skills {

struct Fetched {
  int status = 0;
  std::string body;
};

// GET of an absolute https URL. Errors: unavailable (no way out), or what the fence said.
Result<Fetched> fetch(const ToolContext& context, std::string_view url);

// Percent-encodes everything but unreserved characters (RFC 3986, section 2.3), for a path segment or query value.
std::string percent_encoded(std::string_view text);

}  // namespace librebird::skills
