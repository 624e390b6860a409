#include "client_channel.hpp"

#include "address.hpp"
#include "grpc_status.hpp"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

namespace librebird::rpc {
namespace {

int millis(std::chrono::milliseconds time) { return static_cast<int>(time.count()); }

grpc::ChannelArguments channel_arguments(const RpcOptions& options) {
  grpc::ChannelArguments arguments;
  const int size = static_cast<int>(options.max_message_bytes);
  arguments.SetMaxReceiveMessageSize(size);
  arguments.SetMaxSendMessageSize(size);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytes);
  // To gRPC, the minimum back-off is the time that one attempt to connect may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, millis(options.connect_timeout));
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, std::min(100, millis(options.reconnect_backoff)));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, millis(options.reconnect_backoff));
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, millis(options.reconnect_backoff));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, millis(options.keepalive));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, millis(options.keepalive_timeout));
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // a turn may be silent for long
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);               // keeps the windows, and so the memory, small
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);                // nothing runs twice behind our back
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);             // never through a proxy of the environment
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (!options.tls.server_name.empty()) arguments.SetSslTargetNameOverride(options.tls.server_name);
  return arguments;
}

}  // namespace

ClientChannel::ClientChannel(Loop& loop, RpcOptions options, std::string service)
    : loop_(loop),
      options_(std::move(options)),
      peer_(fmt::format("the {} at {}", service, options_.address)),
      usable_(check(options_, RpcRole::client)) {
  if (!usable_) return;
  prepare_grpc();
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  if (options_.tls.empty()) {
    credentials = grpc::InsecureChannelCredentials();
  } else {
    auto files = read_pem_files(options_.tls);
    if (!files) {
      usable_ = std::move(files).error();
      return;
    }
    credentials = grpc::SslCredentials({files->ca, files->key, files->certificate});
  }
  const Address address = *parse_address(options_.address);
  channel_ = grpc::CreateCustomChannel(address.target, credentials, channel_arguments(options_));
  stub_ = std::make_unique<grpc::GenericStub>(channel_);
}

ClientChannel::~ClientChannel() { gate_->wait_empty(); }

Status ClientChannel::check_size(const std::string& message) const {
  if (message.size() <= options_.max_message_bytes) return Ok{};
  return {Code::too_large, fmt::format("A message of {} bytes to {} is over the limit of {} bytes; send less.",
                                       message.size(), peer_, options_.max_message_bytes)};
}

Result<std::shared_ptr<ClientCall>> ClientChannel::open(const std::string& method, std::string request,
                                                        std::chrono::milliseconds timeout) {
  if (!usable_) return usable_.error();
  LB_CHECK(check_size(request));
  if (!gate_->enter(options_.max_calls)) {
    return {Code::resource_exhausted, fmt::format("Too many calls of {} are running; try again later.", peer_)};
  }
  auto call = std::make_shared<ClientCall>(loop_, gate_, options_.max_queued_bytes);
  call->context().set_deadline(std::chrono::system_clock::now() + timeout);
  if (!options_.secret.empty()) call->context().AddMetadata(kAuthorization, kBearer + options_.secret);
  call->start(*stub_, method);
  call->send(std::move(request));
  return call;
}

Task<Result<std::string>> ClientChannel::unary(std::string method, std::string request,
                                               std::chrono::milliseconds timeout, std::stop_token stop) {
  if (stop.stop_requested()) co_return Error{Code::cancelled, "The call was stopped."};
  LB_CO_TRY(call, open(method, std::move(request), timeout));
  const AbandonGuard guard(call);
  call->send_done();
  const auto cancel = [&call] { call->cancel(); };
  const std::stop_callback on_stop(stop, cancel);
  std::optional<std::string> answer;
  while (auto message = co_await call->receive()) answer = std::move(message);
  if (!call->status().ok()) co_return error_of(*call, stop);
  if (!answer) co_return make_error(Code::unavailable, fmt::format("No answer from {}; try again.", peer_));
  co_return std::move(*answer);
}

Error ClientChannel::error_of(const ClientCall& call, const std::stop_token& stop) const {
  return from_grpc(call.status(), peer_, stop.stop_requested());
}

}  // namespace librebird::rpc
