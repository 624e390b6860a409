#include <librebird/rpc/brain_server.hpp>

#include "chat_stream.hpp"
#include "codec.hpp"
#include "methods.hpp"
#include "server_host.hpp"
#include "server_messages.hpp"

namespace librebird {

using rpc::ServerCall;

class BrainServer::Impl {
 public:
  Impl(Loop& loop, BrainService& service, RpcOptions options)
      : executor_(loop.executor()), service_(service), host_(loop, std::move(options), "brain") {
    add(rpc::kStreamChat, &Impl::stream_chat);
    add(rpc::kBrainExecuteTool, &Impl::execute_tool);
    add(rpc::kGetMemory, &Impl::get_memory);
    add(rpc::kGetDefaultModel, &Impl::default_model);
    add(rpc::kListModels, &Impl::list_models);
  }
  rpc::ServerHost& host() { return host_; }

 private:
  using Method = Task<Status> (Impl::*)(std::shared_ptr<ServerCall>);

  void add(const char* name, Method method) {
    host_.handle(name, [this, method](std::shared_ptr<ServerCall> call) { return (this->*method)(std::move(call)); });
  }

  Task<Status> stream_chat(std::shared_ptr<ServerCall> call) {
    LB_CO_TRY(bytes, co_await rpc::receive_request(call));
    LB_CO_TRY(first, rpc::chat_client_message_from_wire(bytes));
    auto* request = std::get_if<ChatRequest>(&first);
    if (request == nullptr) co_return Error{Code::invalid_argument, "The first message of a chat must be its request."};
    rpc::ChatStream stream(executor_, call);
    auto outcome = co_await service_.stream_chat(std::move(*request), stream, call->token());
    if (stream.failure()) co_return *stream.failure();
    if (!outcome) co_return std::move(outcome).error();
    co_return rpc::send_message(*call, rpc::to_wire(rpc::ChatServerMessage(std::move(*outcome))));
  }
  Task<Status> execute_tool(std::shared_ptr<ServerCall> call) {
    LB_CO_TRY(bytes, co_await rpc::receive_request(call));
    LB_CO_TRY(request, rpc::tool_request_from_wire(bytes));
    LB_CO_TRY(result, co_await service_.execute_tool(std::move(request), call->token()));
    co_return rpc::send_message(*call, rpc::tool_response_to_wire(result));
  }
  Task<Status> get_memory(std::shared_ptr<ServerCall> call) {
    LB_CO_TRY(bytes, co_await rpc::receive_request(call));
    LB_CO_TRY(query, rpc::memory_query_from_wire(bytes));
    LB_CO_TRY(items, co_await service_.get_memory(std::move(query)));
    co_return rpc::send_message(*call, rpc::to_wire(items));
  }
  Task<Status> default_model(std::shared_ptr<ServerCall> call) {
    LB_CO_CHECK(co_await rpc::receive_request(call));
    LB_CO_TRY(model, co_await service_.default_model());
    co_return rpc::send_message(*call, rpc::to_wire(model));
  }
  Task<Status> list_models(std::shared_ptr<ServerCall> call) {
    LB_CO_CHECK(co_await rpc::receive_request(call));
    LB_CO_TRY(models, co_await service_.list_models(call->token()));
    co_return rpc::send_message(*call, rpc::to_wire(models));
  }

  Executor executor_;
  BrainService& service_;
  rpc::ServerHost host_;
};

namespace {

RpcOptions with_default(RpcOptions options) {
  if (options.address.empty()) options.address = kBrainAddress;
  return options;
}

}  // namespace

BrainServer::BrainServer(Loop& loop, BrainService& service, RpcOptions options)
    : impl_(std::make_unique<Impl>(loop, service, with_default(std::move(options)))) {}
BrainServer::~BrainServer() = default;
Status BrainServer::start() { return impl_->host().start(); }
Task<void> BrainServer::stop() { return impl_->host().stop(); }
int BrainServer::port() const { return impl_->host().port(); }

}  // namespace librebird
