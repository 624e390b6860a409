#pragma once

// Translates between the tool protocol (docs/tool-protocol.md) and the Model Context Protocol's stdio transport
// (modelcontextprotocol.io, specification 2025-06-18: lifecycle, server/tools, basic/utilities). Pure: lines in, lines
// out; no I/O, no clock. One server, any number of calls. Linked into the static runner: the C++ library and Boost.JSON
// only. Never throws.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::runner {

class McpTranslator {
 public:
  McpTranslator();
  ~McpTranslator();
  McpTranslator(const McpTranslator&) = delete;
  McpTranslator& operator=(const McpTranslator&) = delete;

  // The server runs: begins the handshake.
  void begin();
  // One line each, without its end.
  void from_host(std::string_view line);
  void from_server(std::string_view line);
  // The server is gone or cannot be used: whatever waits, and whatever comes, fails with this.
  void server_failed(std::string_view why);

  // What is to be written, each line with its end; taking empties it.
  std::string take_for_host();
  std::string take_for_server();
  // Lines of the server that are no message: log.
  std::string take_log();

  // Whether a call or a description waits for its last word.
  [[nodiscard]] bool busy() const;
  // The protocol with the host cannot go on; the exit code, or 0.
  [[nodiscard]] int broken() const;
  // The settings of the first call, as NAME=value; empty before it.
  [[nodiscard]] const std::vector<std::string>& environment() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace librebird::runner
