#pragma once

// What clients and servers share about the gRPC library itself.

#include <librebird/base/result.hpp>
#include <librebird/rpc/rpc_options.hpp>

#include <grpcpp/support/byte_buffer.h>

#include <string>

namespace librebird::rpc {

// Sends gRPC's own log lines (errors only, unless GRPC_VERBOSITY says otherwise) to ours. Idempotent.
void prepare_grpc();

grpc::ByteBuffer to_buffer(const std::string& message);
std::string from_buffer(const grpc::ByteBuffer& buffer);

struct PemFiles {
  std::string ca;
  std::string certificate;
  std::string key;
};
// Blocking, small: called once at start-up. failed_precondition when a file cannot be read.
Result<PemFiles> read_pem_files(const RpcTlsFiles& files);

inline constexpr int kMetadataBytes = 32 * 1024;
inline constexpr const char* kAuthorization = "authorization";  // metadata keys are lower case
inline constexpr const char* kBearer = "Bearer ";

}  // namespace librebird::rpc
