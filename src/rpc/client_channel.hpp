#pragma once

// A channel to one service: makes calls with credential and deadline, names the peer in errors. Loop only.

#include "client_call.hpp"

#include <librebird/base/result.hpp>
#include <librebird/rpc/rpc_options.hpp>

#include <grpcpp/channel.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

namespace librebird::rpc {

class ClientChannel {
 public:
  // `service`: "brain", for messages. Wrong options become the error of every call.
  ClientChannel(Loop& loop, RpcOptions options, std::string service);
  // Waits for gRPC to let go of the last call.
  ~ClientChannel();
  ClientChannel(const ClientChannel&) = delete;
  ClientChannel& operator=(const ClientChannel&) = delete;

  // Starts a call and sends its first message. too_large is noticed here, before anything is sent.
  Result<std::shared_ptr<ClientCall>> open(const std::string& method, std::string request,
                                           std::chrono::milliseconds timeout);
  // One request, one answer.
  Task<Result<std::string>> unary(std::string method, std::string request, std::chrono::milliseconds timeout,
                                  std::stop_token stop);
  // What the ended call's status means.
  [[nodiscard]] Error error_of(const ClientCall& call, const std::stop_token& stop) const;
  // too_large when a message is over the limit of this channel.
  [[nodiscard]] Status check_size(const std::string& message) const;
  [[nodiscard]] const RpcOptions& options() const { return options_; }
  [[nodiscard]] const std::string& peer() const { return peer_; }

 private:
  Loop& loop_;
  RpcOptions options_;
  std::string peer_;
  Status usable_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<grpc::GenericStub> stub_;
};

}  // namespace librebird::rpc
