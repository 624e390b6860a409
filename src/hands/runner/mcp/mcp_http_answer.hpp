#pragma once

// What an MCP server on the web answers one POST with (specification 2025-06-18, basic/transports, "Streamable HTTP").
// Pure. The C++ library only.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::runner {

struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;

  // Empty when absent.
  [[nodiscard]] std::string_view header(std::string_view lower_case_name) const;
};

// A whole answer, read to the end of its connection, as the fence writes it: with its length, never in chunks. Nothing:
// it is malformed or cut short.
std::optional<HttpAnswer> parse_http_answer(std::string_view text);

// The JSON-RPC messages in it: the body, or the data of each event of a text/event-stream. Any other type: none.
std::vector<std::string> messages_of(const HttpAnswer& answer);

}  // namespace librebird::runner
