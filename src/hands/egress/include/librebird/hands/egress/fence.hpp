#pragma once

// The egress fence: the only way from a sandboxed tool to the network. For each call it serves a Unix socket that
// speaks HTTP/1.1 as a forward proxy (RFC 9112, section 3.2): absolute form for http:// and https://, CONNECT for TLS.
// The TLS of unchanged programs ends in the fence, under a certificate authority made for that one call, whose
// certificate (never its key) is given to the sandbox; outside, the fence fetches with real certificate verification
// (docs/adr: "The fence ends the TLS of unchanged programs"). Hosts marked "tunnel:" are passed through unseen.
//
// Thread rule: loop only. A Call is closed before it dies, so that nothing of it goes on; one that is dropped instead
// (idle ones, when the process ends) stops serving at once and its connections end by themselves.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/ports/http_client.hpp>
#include <librebird/hands/egress/inspector.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::egress {

struct FenceLimits {
  std::size_t head_bytes = 32 * 1024;          // of a request
  std::uint64_t body_bytes = 16 << 20;         // of a request
  std::uint64_t response_bytes = 64 << 20;  // of an answer to https:// in absolute form
  std::uint64_t upload_bytes = 64 << 20;  // of the call, tunnels included
  std::uint64_t download_bytes = 256 << 20;
  int redirects = 3;  // followed for https:// in absolute form only
  int requests = 500;  // of the call
  double requests_per_second = 50;  // more have to wait; twice as many at once
  int connections = 16;  // at once
  int events = 200;  // told and kept of a call
  Millis total_timeout{120'000};  // of one request
  Millis idle_timeout{30'000};  // longest silence, of either side
};

// A secret that a program inside knows by a placeholder only. The fence puts the value in its place in requests to
// `hosts` over TLS, and the placeholder in place of the value in what returns. See ADR for the forms it knows.
struct SecretLease {
  std::string placeholder;  // 16 to 128 of A-Z a-z 0-9 _ -
  std::string value;
  std::vector<std::string> hosts;  // "host", "*.suffix", each with an optional port; never "*"
};

enum class EgressDecision { allowed, denied, failed, tunnelled, flagged };
[[nodiscard]] std::string_view to_string(EgressDecision decision);

struct EgressEvent {
  std::string method;
  std::string host;
  std::uint16_t port = 0;
  std::string path;  // without query; placeholders, never values
  int status = 0;  // 0: none came
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
  EgressDecision decision = EgressDecision::denied;
  std::string reason;  // of everything but `allowed`
  std::string challenge = {};  // WWW-Authenticate of an answer 401 or 403; placeholders, never values; in no log
};

struct CallPolicy {
  std::vector<std::string> hosts;  // of the tool: policy.hpp says how they are written
  std::optional<std::vector<std::string>> workspace_hosts;  // of the workspace; absent: no further bound
  std::vector<SecretLease> secrets;
  FenceLimits limits{};
  // `any`: hosts the operator configured may lie in private networks (a package index). Exact hosts only.
  Reach reach = Reach::public_only;
  std::function<void(const EgressEvent&)> on_event;  // at most limits.events times
  std::shared_ptr<TrafficInspector> inspector;  // null: no leak scan
};

class Call {
 public:
  virtual ~Call() = default;
  // Host folder with fence.sock and ca.pem, to be mounted at /run/egress. Both may be used by any user inside.
  [[nodiscard]] virtual const std::string& directory() const = 0;
  // Gives an idle call its policy, or a worker's call that of its next caller. Requests under way keep the one they
  // began with; counters begin again. invalid_argument names the entry or the secret that is wrong.
  virtual Status bind(CallPolicy policy) = 0;
  // Requests and denials since the last bind, at most limits.events.
  [[nodiscard]] virtual const std::vector<EgressEvent>& events() const = 0;
  // The same as one short text.
  [[nodiscard]] virtual std::string decisions() const = 0;
  // Stops serving, ends requests in flight, removes the folder.
  virtual Task<void> close() = 0;
};

class Fence {
 public:
  // Folders are made in a private temporary folder, removed with the fence; what a killed predecessor left goes too.
  Fence(Executor executor, HttpClient& http);
  ~Fence();
  Fence(const Fence&) = delete;
  Fence& operator=(const Fence&) = delete;

  Result<std::unique_ptr<Call>> open(CallPolicy policy);
  // A policy of hosts and nothing else.
  Result<std::unique_ptr<Call>> open(std::vector<std::string> hosts);
  // A call without a policy refuses everything until it is bound.
  Result<std::unique_ptr<Call>> open_idle();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace librebird::egress
