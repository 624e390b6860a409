#pragma once

// The one place where librebird::Error and grpc::Status are turned into each other. Pure.

#include <librebird/base/result.hpp>

#include <grpcpp/support/status.h>

#include <string_view>

namespace librebird::rpc {

// Code, message, retryable and retry_after travel exactly (messages up to 4 KiB) as a serialized Error proto.
grpc::Status to_grpc(const Error& error);

// `status` is not OK. Without our details it was gRPC itself that failed: then `peer` ("the brain at 127.0.0.1:50051")
// is named, and `stopped` says whether we cancelled the call: if not, a cancelled one means that the peer went away.
Error from_grpc(const grpc::Status& status, std::string_view peer, bool stopped);

}  // namespace librebird::rpc
