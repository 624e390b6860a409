#include "chat_stream.hpp"

#include "server_messages.hpp"

#include <fmt/format.h>

namespace librebird::rpc {

ChatStream::ChatStream(Executor executor, std::shared_ptr<ServerCall> call) : call_(std::move(call)), turn_(executor) {
  call_->set_text_encoder([](std::string text) { return to_wire(ChatServerMessage(TextDelta{std::move(text)})); });
}

void ChatStream::on_text(std::string_view text) {
  if (!failure_) call_->send_text(text);  // a lost call stops the brain by itself
}
void ChatStream::on_tool_call(const ToolCall& call) { put(ChatServerMessage(call)); }
void ChatStream::on_tool_result(const ToolResult& result) { put(ChatServerMessage(result)); }

void ChatStream::on_approval(const Approval& approval) { put(ChatServerMessage(approval)); }
void ChatStream::on_tool_progress(const ToolProgress& progress) { put(ChatServerMessage(progress)); }

void ChatStream::put(const ChatServerMessage& message) {
  if (failure_) return;
  if (Status sent = send_message(*call_, to_wire(message)); !sent) (void)fail(std::move(sent).error());
}

Status ChatStream::fail(Error error) {
  if (!failure_) failure_ = error;
  call_->request_stop_later();
  return error;
}

Task<Status> ChatStream::journal(TurnStep step) {
  const std::uint64_t ticket = next_ticket_++;
  while (serving_ != ticket) co_await turn_.wait();
  Status result = failure_ ? Status(*failure_) : co_await exchange(std::move(step));
  ++serving_;
  turn_.notify_all();
  co_return result;
}

Task<Status> ChatStream::exchange(TurnStep step) {
  const int index = step.index;
  if (Status sent = send_message(*call_, to_wire(ChatServerMessage(std::move(step)))); !sent) {
    co_return fail(std::move(sent).error());
  }
  const auto bytes = co_await call_->receive();
  if (!bytes) {
    co_return fail(make_error(Code::unavailable, "The gateway went away before it acknowledged a step."));
  }
  auto message = chat_client_message_from_wire(*bytes);
  if (!message) co_return fail(std::move(message).error());
  const auto* ack = std::get_if<Ack>(&*message);
  if (ack == nullptr || ack->step_index != index) {
    co_return fail(make_error(Code::invalid_argument, fmt::format("Expected the acknowledgement of step {}.", index)));
  }
  if (ack->error) co_return fail(*ack->error);
  co_return Ok{};
}

}  // namespace librebird::rpc
