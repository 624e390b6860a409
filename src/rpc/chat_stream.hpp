#pragma once

// The server's side of StreamChat: a ChatObserver whose journal is at the other end of the wire.

#include "codec.hpp"
#include "server_call.hpp"

#include <librebird/base/async/sync.hpp>
#include <librebird/core/ports/brain_service.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace librebird::rpc {

// Loop only. Parallel journal() calls are served one after the other, in the order in which they came.
class ChatStream final : public ChatObserver {
 public:
  ChatStream(Executor executor, std::shared_ptr<ServerCall> call);

  void on_text(std::string_view text) override;
  void on_tool_call(const ToolCall& call) override;
  void on_tool_result(const ToolResult& result) override;
  void on_approval(const Approval& approval) override;
  void on_tool_progress(const ToolProgress& progress) override;
  // Sends the step and waits for its Ack. Whatever else comes (an Ack with an error, of another step, no Ack) ends
  // the turn's attempt: the error is given to the brain and the call's stop is requested.
  Task<Status> journal(TurnStep step) override;
  // Why the stream cannot go on, if so: it outranks what the brain makes of it.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

 private:
  Task<Status> exchange(TurnStep step);
  Status fail(Error error);
  void put(const ChatServerMessage& message);

  std::shared_ptr<ServerCall> call_;
  Signal turn_;
  std::uint64_t next_ticket_ = 0;
  std::uint64_t serving_ = 0;
  std::optional<Error> failure_;
};

}  // namespace librebird::rpc
