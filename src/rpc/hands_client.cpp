#include <librebird/rpc/hands_client.hpp>

#include "client_channel.hpp"
#include "codec.hpp"
#include "methods.hpp"
#include "skill_client.hpp"

#include <fmt/format.h>

namespace librebird {
namespace {

class HandsClient final : public HandsService {
 public:
  HandsClient(Loop& loop, RpcOptions options) : channel_(loop, std::move(options), "hands") {}

  Task<Result<ToolResult>> execute_tool(ToolRequest request, OutputSink on_output, std::stop_token stop) override;

  Task<Result<std::vector<ToolSpec>>> list_tools(Principal principal) override {
    LB_CO_TRY(bytes,
              co_await channel_.unary(rpc::kListTools, rpc::to_wire(principal), channel_.options().call_timeout, {}));
    co_return rpc::tools_from_wire(bytes);
  }
  Task<Result<HandsHealth>> health() override {
    LB_CO_TRY(bytes, co_await channel_.unary(rpc::kHealth, "", channel_.options().call_timeout, {}));
    co_return rpc::health_from_wire(bytes);
  }

  SkillService* skills() override { return &skills_; }

 private:
  rpc::ClientChannel channel_;
  rpc::SkillClient skills_{channel_};
};

Task<Result<ToolResult>> HandsClient::execute_tool(ToolRequest request, OutputSink on_output, std::stop_token stop) {
  if (stop.stop_requested()) co_return make_error(Code::cancelled, "The tool call was stopped before it began.");
  LB_CO_TRY(call, channel_.open(rpc::kHandsExecuteTool, rpc::to_wire(request), channel_.options().tool_timeout));
  const rpc::AbandonGuard guard(call);
  call->send_done();
  const auto cancel = [&call] { call->cancel(); };
  const std::stop_callback on_stop(stop, cancel);
  std::optional<ToolResult> result;
  std::optional<Error> failure;
  while (auto bytes = co_await call->receive()) {
    if (failure) continue;
    auto event = rpc::tool_event_from_wire(*bytes);
    if (!event) {
      failure = event.error();
      call->cancel();
    } else if (const auto* delta = std::get_if<rpc::TextDelta>(&*event)) {
      if (on_output) on_output(delta->text);
    } else if (auto* end = std::get_if<ToolResult>(&*event)) {
      result = std::move(*end);
    }
  }
  if (failure) co_return std::move(*failure);
  if (!call->status().ok()) co_return channel_.error_of(*call, stop);
  if (!result) {
    co_return make_error(Code::unavailable, fmt::format("No tool result from {}; try again.", channel_.peer()));
  }
  co_return std::move(*result);
}

}  // namespace

std::unique_ptr<HandsService> make_hands_client(Loop& loop, RpcOptions options) {
  if (options.address.empty()) options.address = kHandsAddress;
  return std::make_unique<HandsClient>(loop, std::move(options));
}

}  // namespace librebird
