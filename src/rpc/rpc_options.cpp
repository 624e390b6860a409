#include <librebird/rpc/rpc_options.hpp>

#include "address.hpp"

#include <algorithm>

namespace librebird {
namespace {

RpcOptions options_of(const Config& config, std::string_view address) {
  RpcOptions options;
  options.address = config.text(address);
  options.secret = config.text("rpc.secret");
  options.tls.ca = config.text("rpc.ca_file");
  options.tls.certificate = config.text("rpc.certificate_file");
  options.tls.key = config.text("rpc.key_file");
  options.tls.server_name = config.text("rpc.server_name");
  return options;
}

}  // namespace

std::vector<ConfigKey> rpc_config_keys() {
  const std::string empty;
  return {
      {"brain.address", ConfigType::text, std::string(kBrainAddress), "BRAIN_GRPC_URL", false,
       "Where the brain listens: host:port, grpc://host:port or unix:/path."},
      {"hands.address", ConfigType::text, std::string(kHandsAddress), "HANDS_GRPC_URL", false,
       "Where the hands listen: host:port, grpc://host:port or unix:/path."},
      {"rpc.secret", ConfigType::text, empty, "LIBREBIRD_RPC_SECRET", true,
       "The secret that gateway, brain and hands share; at least 16 characters."},
      {"rpc.ca_file", ConfigType::text, empty, "LIBREBIRD_RPC_CA_FILE", false,
       "Certificate authority of gateway, brain and hands (PEM); needed when they are on different machines."},
      {"rpc.certificate_file", ConfigType::text, empty, "LIBREBIRD_RPC_CERTIFICATE_FILE", false,
       "This process's certificate for the other services (PEM)."},
      {"rpc.key_file", ConfigType::text, empty, "LIBREBIRD_RPC_KEY_FILE", false,
       "The private key of rpc.certificate_file (PEM)."},
      {"rpc.server_name", ConfigType::text, empty, "", false,
       "The name that the servers' certificates carry, when it differs from their address."},
  };
}

RpcOptions brain_rpc_options(const Config& config) { return options_of(config, "brain.address"); }
RpcOptions hands_rpc_options(const Config& config) { return options_of(config, "hands.address"); }

Status check(const RpcOptions& options, RpcRole role) {
  LB_TRY(address, rpc::parse_address(options.address));
  const RpcTlsFiles& tls = options.tls;
  const bool encrypted = !tls.empty();
  if (encrypted && (tls.ca.empty() || tls.certificate.empty() || tls.key.empty())) {
    return {Code::invalid_argument,
            "Mutual TLS between the services needs all of rpc.ca_file, rpc.certificate_file and rpc.key_file."};
  }
  const bool printable = std::ranges::all_of(options.secret, [](char c) { return c > ' ' && c <= '~'; });
  if (!options.secret.empty() && (options.secret.size() < 16 || options.secret.size() > 1024 || !printable)) {
    return {Code::invalid_argument,
            "rpc.secret must be 16 to 1024 printable ASCII characters without spaces; make one with: "
            "openssl rand -hex 32"};
  }
  if (options.secret.empty() && !encrypted) {
    return {Code::failed_precondition,
            "The services need a credential for each other: set LIBREBIRD_RPC_SECRET, or the three rpc.*_file keys."};
  }
  if (!address.local && !encrypted) {
    const char* verb = role == RpcRole::server ? "listen on" : "connect to";
    return {Code::failed_precondition, std::string("Refusing to ") + verb + " " + options.address +
                                           " without encryption: set rpc.ca_file, rpc.certificate_file and "
                                           "rpc.key_file, or use a loopback address."};
  }
  return Ok{};
}

}  // namespace librebird
