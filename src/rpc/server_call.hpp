#pragma once

// One call on the server's side: the bridge between gRPC's callbacks (its threads) and a coroutine on the loop.
//
// State is touched on the loop only: a callback does nothing but post. The object keeps itself alive until OnDone.
// finish() is called exactly once, by the host, after the handler ended: before it gRPC cannot be done with the call,
// so every start of an operation is safe; after it nothing is started.

#include "gate.hpp"
#include "grpc_runtime.hpp"
#include "outbox.hpp"

#include <librebird/base/async/sync.hpp>
#include <librebird/base/async/task.hpp>

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace librebird::rpc {

class ServerCall final : public grpc::ServerGenericBidiReactor, public std::enable_shared_from_this<ServerCall> {
 public:
  // On a gRPC thread. The gate was entered; it is left after OnDone.
  static std::shared_ptr<ServerCall> create(Loop& loop, std::shared_ptr<Gate> gate, const RpcOptions& options,
                                            grpc::GenericCallbackServerContext* context);
  ServerCall(Loop& loop, std::shared_ptr<Gate> gate, const RpcOptions& options,
             grpc::GenericCallbackServerContext* context);

  // The client's next message; nullopt when it sends no more or is gone. One caller at a time.
  Task<std::optional<std::string>> receive();
  void set_text_encoder(Outbox::TextEncoder encoder) { outbox_.set_text_encoder(std::move(encoder)); }
  // False when the client is gone or reads too slowly (the call is then dropped).
  bool send(std::string message);
  bool send_text(std::string_view text);
  // Stops when the client cancelled, went away or reads too slowly, or when the server stops.
  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }
  void request_stop() { stop_.request_stop(); }
  // For a caller that stands in the middle of what the stop would end.
  void request_stop_later();
  // The client is gone or was dropped: nobody reads the status.
  [[nodiscard]] bool lost() const { return lost_; }
  [[nodiscard]] std::size_t queued_bytes() const { return outbox_.bytes(); }
  [[nodiscard]] std::size_t max_message_bytes() const { return max_message_; }
  // Waits (bounded) until what was sent is out, then ends the call.
  Task<void> finish(grpc::Status status);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void pump();
  bool queued(bool fits);
  void read_done(bool ok);
  void lose();

  Loop& loop_;
  std::shared_ptr<Gate> gate_;
  std::shared_ptr<ServerCall> self_;
  grpc::GenericCallbackServerContext* context_;
  std::size_t max_message_;
  Outbox outbox_;
  Signal changed_;
  std::stop_source stop_;
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  std::optional<Resume<bool>> waiting_;
  bool reads_over_ = false;
  bool writing_ = false;
  bool lost_ = false;
  bool finished_ = false;
  std::atomic<unsigned> started_{0};  // see ClientCall
};

}  // namespace librebird::rpc
