#pragma once

// Serves a BrainService to other processes. All calls of the service happen on the loop.
//
//   BrainServer server(loop, brain, options);       (the same for HandsServer)
//   LB_CO_CHECK(server.start());
//   ...
//   co_await server.stop();
//
// Thread rule: loop only. Ownership: loop and service outlive the server. A started server must be stopped, and the
// stop awaited, before it dies (asserted).

#include <librebird/base/async/task.hpp>
#include <librebird/core/ports/brain_service.hpp>
#include <librebird/rpc/rpc_options.hpp>

#include <memory>

namespace librebird {

class BrainServer {
 public:
  BrainServer(Loop& loop, BrainService& service, RpcOptions options);
  ~BrainServer();
  BrainServer(const BrainServer&) = delete;
  BrainServer& operator=(const BrainServer&) = delete;

  // Listens. Errors: those of check(), unavailable (the address is taken or not ours).
  Status start();
  // Refuses new calls, asks the running ones to stop (their clients are told `unavailable`), waits for them.
  Task<void> stop();
  // The port it listens on; 0 before start() and for Unix sockets.
  [[nodiscard]] int port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace librebird
