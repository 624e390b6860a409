#pragma once

// The head of a proxy request (RFC 9112), read strictly: whatever two readers could take differently is refused.
// Pure; any thread.

#include <librebird/core/ports/http_client.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace librebird::egress {

struct RequestHead {
  enum class Body { none, length, chunked };

  std::string method;
  std::string target;    // as it came
  HttpHeaders headers;   // those that are passed on: hop-by-hop, framing and Host are taken out
  std::optional<std::string> host;
  Body body = Body::none;
  std::uint64_t length = 0;
  bool keep_alive = true;
  bool http_1_0 = false;
  bool expects_continue = false;
  bool wants_upgrade = false;
};

// `head` ends with the empty line. Errors: invalid_argument (400), too_large (431), failed_precondition (501).
Result<RequestHead> parse_request_head(std::string_view head);

// Fields that concern one connection only (RFC 9110, section 7.6.1), besides those a Connection field names.
[[nodiscard]] bool is_hop_by_hop(std::string_view name);
// Takes those and what `Connection` names out of an answer's fields.
void drop_hop_by_hop(HttpHeaders& headers);
void drop_field(HttpHeaders& headers, std::string_view name);

}  // namespace librebird::egress
