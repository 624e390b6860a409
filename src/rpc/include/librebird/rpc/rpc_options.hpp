#pragma once

// How the services reach each other. A value.
//
// Safe by default: plaintext is refused except on loopback addresses and Unix sockets, and a server needs a shared
// secret, mutual TLS, or both. A client whose options are wrong answers every call with the same error; check() says
// it at start-up.

#include <librebird/base/config.hpp>
#include <librebird/base/result.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace librebird {

// PEM files; all three or none. With them, both sides prove themselves with a certificate of that authority.
struct RpcTlsFiles {
  std::string ca;
  std::string certificate;
  std::string key;
  std::string server_name;  // clients: the name the server's certificate must have, if it is not the address's

  [[nodiscard]] bool empty() const { return ca.empty() && certificate.empty() && key.empty(); }
};

inline constexpr const char* kBrainAddress = "127.0.0.1:50051";
inline constexpr const char* kHandsAddress = "127.0.0.1:50052";

struct RpcOptions {
  std::string address;  // "host:port", "grpc://host:port", "[v6]:port", "unix:/path"; port 0: any free one (servers);
                        // empty: the service's default
  std::string secret;  // at least 16 printable ASCII characters
  RpcTlsFiles tls;
  std::size_t max_message_bytes = 32 * 1024 * 1024;
  std::chrono::milliseconds connect_timeout{3'000};
  std::chrono::milliseconds reconnect_backoff{1'000};  // at most so long between attempts
  std::chrono::milliseconds keepalive{10'000};  // a silent peer is asked after this
  std::chrono::milliseconds keepalive_timeout{5'000};  // and is gone after this
  std::chrono::milliseconds call_timeout{30'000};  // deadline of GetMemory, ListTools, Health, models
  std::chrono::milliseconds tool_timeout{900'000};  // deadline of ExecuteTool
  std::chrono::milliseconds chat_timeout{6 * 3'600'000};  // deadline of StreamChat
  std::size_t max_queued_bytes = 4 * 1024 * 1024;  // unsent, for a slow reader; over it the call is dropped
  std::size_t max_calls = 4096;  // running at once on a server
};

// brain.address (BRAIN_GRPC_URL), hands.address (HANDS_GRPC_URL), rpc.secret (LIBREBIRD_RPC_SECRET), rpc.ca_file,
// rpc.certificate_file, rpc.key_file, rpc.server_name.
[[nodiscard]] std::vector<ConfigKey> rpc_config_keys();
// `config` was loaded with a schema that contains rpc_config_keys().
[[nodiscard]] RpcOptions brain_rpc_options(const Config& config);
[[nodiscard]] RpcOptions hands_rpc_options(const Config& config);

enum class RpcRole { client, server };
// invalid_argument (address, secret), failed_precondition (no credential, plaintext beyond this machine).
[[nodiscard]] Status check(const RpcOptions& options, RpcRole role);

}  // namespace librebird
