#pragma once

// The embedded web client and API description. Data lives as long as the process; any thread.

#include <librebird/net/http_server.hpp>

#include <optional>
#include <span>
#include <string_view>

namespace librebird::gateway {

struct Asset {
  std::string_view path;
  std::string_view type;
  std::string_view etag;
  std::string_view content;
  bool gzipped = false;
  bool immutable = false;  // its name changes with its content
};

[[nodiscard]] std::span<const Asset> embedded_assets();

// The file of that path; for other paths without a file extension the client's page, which has routes of its own.
[[nodiscard]] std::optional<net::Response> serve_asset(const net::Request& request);

}  // namespace librebird::gateway
