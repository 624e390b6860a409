#pragma once

// A gRPC server for one service: listens, checks the credential of every call in one place before it looks at
// anything else, finds the handler, runs it on the loop. A method without a handler is refused.
//
// All RPCs come through one generic bidirectional reactor (ServerCall); on the wire they are what proto/ says.
// Thread rule: loop only, but CreateReactor, which gRPC calls on its threads and which touches constants only.

#include "server_call.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/base/result.hpp>
#include <librebird/rpc/rpc_options.hpp>

#include <grpcpp/server.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

namespace librebird::rpc {

class ServerHost final : private grpc::CallbackGenericService {
 public:
  // Runs one call: receives, sends; the returned status ends it.
  using Handler = std::function<Task<Status>(std::shared_ptr<ServerCall>)>;

  // `service`: "brain", for messages.
  ServerHost(Loop& loop, RpcOptions options, std::string service);
  ~ServerHost() override;

  // Before start(). `method`: "/librebird.v1.Brain/StreamChat".
  void handle(std::string method, Handler handler) { handlers_.emplace(std::move(method), std::move(handler)); }
  Status start();
  Task<void> stop();
  [[nodiscard]] int port() const { return port_; }

 private:
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override;
  // The one check of who calls; anything but a right credential is refused.
  [[nodiscard]] Status authorize(const grpc::GenericCallbackServerContext& context) const;
  Task<void> serve(std::shared_ptr<ServerCall> call, const Handler* handler);

  Loop& loop_;
  RpcOptions options_;
  std::string service_;
  std::string expected_;  // digest of the authorization value
  std::map<std::string, Handler, std::less<>> handlers_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  Scope calls_;
  std::set<ServerCall*> live_;
  std::atomic<bool> stopping_{false};
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace librebird::rpc
