#pragma once

// One call on the client's side: the bridge between gRPC's callbacks (its threads) and a coroutine on the loop.
//
// All state is touched on the loop only: a callback does nothing but post. gRPC may delete nothing before OnDone, so
// the object keeps itself alive until then (`self_`), whoever else lets go. A hold (AddHold) lets the loop start reads
// and writes at any time; it is given back when the stream has no more messages or the call is abandoned, after which
// nothing is started any more, so OnDone comes exactly once and last.
//
// Use: start(), send()..., then receive() until it gives nullopt, then status().

#include "gate.hpp"
#include "grpc_runtime.hpp"
#include "outbox.hpp"

#include <librebird/base/async/task.hpp>

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/client_callback.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>

namespace librebird::rpc {

class ClientCall final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                         public std::enable_shared_from_this<ClientCall> {
 public:
  ClientCall(Loop& loop, std::shared_ptr<Gate> gate, std::size_t queue_limit)
      : loop_(loop), gate_(std::move(gate)), outbox_(queue_limit) {}

  // Before start(): deadline, metadata.
  [[nodiscard]] grpc::ClientContext& context() { return context_; }
  // The gate was entered; it is left after OnDone.
  void start(grpc::GenericStub& stub, const std::string& method);
  // False when too much waits to be sent already. After the end of the call it does nothing.
  bool send(std::string message);
  // Says that nothing follows what was sent.
  void send_done();
  // The next message; nullopt when the call is over and status() is known. One caller at a time.
  Task<std::optional<std::string>> receive();
  [[nodiscard]] const grpc::Status& status() const { return status_; }
  void cancel() { context_.TryCancel(); }
  // For a caller that goes away without receiving to the end.
  void abandon();

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  void pump();
  void release_hold();
  void read_done(bool ok);
  void wake(bool message);

  Loop& loop_;
  std::shared_ptr<Gate> gate_;
  std::shared_ptr<ClientCall> self_;
  grpc::ClientContext context_;
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  grpc::Status status_;
  Outbox outbox_;
  std::optional<Resume<bool>> waiting_;
  bool held_ = false;
  bool writing_ = false;
  bool done_requested_ = false;
  bool half_closed_ = false;
  bool reads_over_ = false;
  bool ended_ = false;
  // Pairs what the loop wrote before it started an operation with the callback that gRPC makes of it elsewhere; gRPC
  // orders them anyway, but a race detector cannot see into the library.
  std::atomic<unsigned> started_{0};
};

// Lets go of a call when a coroutine dies before it saw the end.
class AbandonGuard {
 public:
  explicit AbandonGuard(std::shared_ptr<ClientCall> call) : call_(std::move(call)) {}
  ~AbandonGuard() { call_->abandon(); }
  AbandonGuard(const AbandonGuard&) = delete;
  AbandonGuard& operator=(const AbandonGuard&) = delete;

 private:
  std::shared_ptr<ClientCall> call_;
};

}  // namespace librebird::rpc
