#include <librebird/rpc/brain_client.hpp>

#include "client_channel.hpp"
#include "codec.hpp"
#include "methods.hpp"

#include <fmt/format.h>

namespace librebird {
namespace {

using rpc::Ack;
using rpc::ChatClientMessage;
using rpc::ClientCall;

// The stop token's cause, without a reason to try again by itself.
Error stopped() { return make_error(Code::cancelled, "The turn was stopped."); }

class BrainClient final : public BrainService {
 public:
  BrainClient(Loop& loop, RpcOptions options) : channel_(loop, std::move(options), "brain") {}

  Task<Result<ChatOutcome>> stream_chat(ChatRequest request, ChatObserver& observer, std::stop_token stop) override;

  Task<Result<ToolResult>> execute_tool(ToolRequest request, std::stop_token stop) override {
    LB_CO_TRY(bytes, co_await channel_.unary(rpc::kBrainExecuteTool, rpc::to_wire(request),
                                             channel_.options().tool_timeout, stop));
    co_return rpc::tool_response_from_wire(bytes);
  }
  Task<Result<std::vector<MemoryItem>>> get_memory(MemoryQuery query) override {
    LB_CO_TRY(bytes,
              co_await channel_.unary(rpc::kGetMemory, rpc::to_wire(query), channel_.options().call_timeout, {}));
    co_return rpc::memory_items_from_wire(bytes);
  }
  Task<Result<ModelInfo>> default_model() override {
    LB_CO_TRY(bytes, co_await channel_.unary(rpc::kGetDefaultModel, "", channel_.options().call_timeout, {}));
    co_return rpc::model_from_wire(bytes);
  }
  Task<Result<std::vector<std::string>>> list_models(std::stop_token stop) override {
    LB_CO_TRY(bytes, co_await channel_.unary(rpc::kListModels, "", channel_.options().call_timeout, stop));
    co_return rpc::models_from_wire(bytes);
  }

 private:
  // What one stream has brought so far.
  struct Turn {
    std::optional<ChatOutcome> outcome;
    std::optional<Error> failure;  // ours: a refused step, a message we do not understand
  };
  Task<void> take(std::string bytes, ClientCall& call, ChatObserver& observer, Turn& turn);
  Task<void> journal(TurnStep step, ClientCall& call, ChatObserver& observer, Turn& turn);

  rpc::ClientChannel channel_;
};

Task<void> BrainClient::journal(TurnStep step, ClientCall& call, ChatObserver& observer, Turn& turn) {
  const int index = step.index;
  const Status durable = co_await observer.journal(std::move(step));
  Ack ack{index, std::nullopt};
  if (!durable) {
    turn.failure = durable.error();
    ack.error = durable.error();
  }
  call.send(rpc::to_wire(ChatClientMessage(std::move(ack))));
}

Task<void> BrainClient::take(std::string bytes, ClientCall& call, ChatObserver& observer, Turn& turn) {
  if (turn.failure) co_return;  // the attempt is over; only its end is awaited
  auto message = rpc::chat_server_message_from_wire(bytes);
  if (!message) {
    turn.failure = message.error();
    call.cancel();
  } else if (const auto* delta = std::get_if<rpc::TextDelta>(&*message)) {
    observer.on_text(delta->text);
  } else if (const auto* tool_call = std::get_if<ToolCall>(&*message)) {
    observer.on_tool_call(*tool_call);
  } else if (const auto* result = std::get_if<ToolResult>(&*message)) {
    observer.on_tool_result(*result);
  } else if (const auto* approval = std::get_if<Approval>(&*message)) {
    observer.on_approval(*approval);
  } else if (const auto* progress = std::get_if<ToolProgress>(&*message)) {
    observer.on_tool_progress(*progress);
  } else if (auto* step = std::get_if<TurnStep>(&*message)) {
    co_await journal(std::move(*step), call, observer, turn);
  } else if (auto* outcome = std::get_if<ChatOutcome>(&*message)) {
    turn.outcome = std::move(*outcome);
  }
}

Task<Result<ChatOutcome>> BrainClient::stream_chat(ChatRequest request, ChatObserver& observer, std::stop_token stop) {
  if (stop.stop_requested()) co_return stopped();
  LB_CO_TRY(call, channel_.open(rpc::kStreamChat, rpc::to_wire(ChatClientMessage(std::move(request))),
                                channel_.options().chat_timeout));
  const rpc::AbandonGuard guard(call);
  const auto cancel = [&call] { call->cancel(); };
  const std::stop_callback on_stop(stop, cancel);
  Turn turn;
  while (auto bytes = co_await call->receive()) co_await take(std::move(*bytes), *call, observer, turn);
  if (turn.failure) co_return std::move(*turn.failure);
  if (!call->status().ok()) co_return channel_.error_of(*call, stop);
  if (!turn.outcome) {
    co_return make_error(Code::unavailable, fmt::format("The answer of {} has no end; try again.", channel_.peer()));
  }
  co_return std::move(*turn.outcome);
}

}  // namespace

std::unique_ptr<BrainService> make_brain_client(Loop& loop, RpcOptions options) {
  if (options.address.empty()) options.address = kBrainAddress;
  return std::make_unique<BrainClient>(loop, std::move(options));
}

}  // namespace librebird
