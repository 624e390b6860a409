#pragma once

// The egress fence: the only way from a sandboxed tool to the network. For each call it serves a Unix socket that
// understands plain HTTP/1.1 requests in absolute form (`GET https://wttr.in/x HTTP/1.1`, RFC 9112 section 3.2.2).
// It checks the request against the hosts of the tool's manifest, fetches it outside the sandbox (TLS included, public
// addresses only), re-checks every redirect, and bounds what comes back. A refusal is a 403 with the reason as text.
// Thread rule: loop only. A Call must be closed before it dies.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/ports/http_client.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::egress {

struct FenceLimits {
  std::size_t head_bytes = 16 * 1024;
  std::size_t body_bytes = 256 * 1024;       // of a request
  std::size_t response_bytes = 1 << 20;
  int redirects = 3;
  int requests = 32;                         // of one call
  Millis total_timeout{20'000};              // of one request
};

// May a tool with these `hosts` ask for `url`? Entries are "host", "host:port", or "http://host" where plain HTTP is
// meant. The reason is in the error (permission_denied, invalid_argument).
Status may_fetch(const std::vector<std::string>& hosts, std::string_view method, std::string_view url);

class Call {
 public:
  virtual ~Call() = default;
  // The folder with its socket, fence.sock; offered inside as /run/egress.
  [[nodiscard]] virtual const std::string& directory() const = 0;
  // One line per request: what was asked, what was decided. For the audit row.
  [[nodiscard]] virtual std::string decisions() const = 0;
  // Stops serving, ends requests in flight, removes the socket.
  virtual Task<void> close() = 0;
};

class Fence {
 public:
  // Sockets are made in a private temporary folder, removed with the fence.
  Fence(Executor executor, HttpClient& http, FenceLimits limits = {});
  ~Fence();
  Fence(const Fence&) = delete;
  Fence& operator=(const Fence&) = delete;

  Result<std::unique_ptr<Call>> open(std::vector<std::string> hosts);

 private:
  Executor executor_;
  HttpClient& http_;
  FenceLimits limits_;
  std::string directory_;
  std::uint64_t counter_ = 0;
};

}  // namespace librebird::egress
