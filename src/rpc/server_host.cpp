#include "server_host.hpp"

#include "address.hpp"
#include "grpc_status.hpp"

#include <librebird/base/log.hpp>

#include <fmt/format.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <cassert>

namespace librebird::rpc {
namespace {

using namespace std::chrono_literals;

constexpr auto kShutdownGrace = 3s;

std::string digest(std::string_view text) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

// Ends a call without having read anything of it.
class Refusal final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Refusal(const Error& error) { Finish(to_grpc(error)); }
  void OnDone() override { delete this; }
};

int millis(std::chrono::milliseconds time) { return static_cast<int>(time.count()); }

void set_arguments(grpc::ServerBuilder& builder, const RpcOptions& options) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  builder.SetMaxSendMessageSize(static_cast<int>(options.max_message_bytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(options.max_calls));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a port in use is an error, not a lottery
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, millis(options.keepalive));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, millis(options.keepalive_timeout));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, millis(options.keepalive) / 2);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  grpc::ResourceQuota quota("librebird");
  quota.Resize(256 * 1024 * 1024);
  builder.SetResourceQuota(quota);
}

}  // namespace

ServerHost::ServerHost(Loop& loop, RpcOptions options, std::string service)
    : loop_(loop), options_(std::move(options)), service_(std::move(service)), calls_(loop.executor()) {
  if (!options_.secret.empty()) expected_ = digest(kBearer + options_.secret);
}

ServerHost::~ServerHost() { assert(server_ == nullptr && "a started RPC server must be stopped before it dies"); }

Status ServerHost::start() {
  LB_CHECK(check(options_, RpcRole::server));
  prepare_grpc();
  std::shared_ptr<grpc::ServerCredentials> credentials;
  if (options_.tls.empty()) {
    credentials = grpc::InsecureServerCredentials();
  } else {
    LB_TRY(files, read_pem_files(options_.tls));
    grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    tls.pem_root_certs = files.ca;
    tls.pem_key_cert_pairs.push_back({files.key, files.certificate});
    credentials = grpc::SslServerCredentials(tls);
  }
  const Address address = *parse_address(options_.address);
  grpc::ServerBuilder builder;
  set_arguments(builder, options_);
  int port = 0;
  builder.AddListeningPort(address.listen, credentials, &port);
  builder.RegisterCallbackGenericService(this);
  stopping_ = false;
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    return {Code::unavailable, fmt::format("The {} cannot listen on {}; is another one running, is the address of this "
                                           "machine, are the certificate files right?",
                                           service_, options_.address)};
  }
  port_ = address.listen.starts_with("unix:") ? 0 : port;
  log::info("rpc server listens",
            {{"service", service_}, {"address", options_.address}, {"port", port_}, {"tls", !options_.tls.empty()}});
  return Ok{};
}

Task<void> ServerHost::stop() {
  if (server_ == nullptr) co_return;
  stopping_ = true;
  const std::set<ServerCall*> live = live_;
  for (ServerCall* call : live) {
    if (live_.contains(call)) call->request_stop();
  }
  // Shutdown() blocks until the calls have ended, which they do on this loop.
  std::thread waiter;
  auto begin = [this, &waiter](Resume<bool> resume) {
    waiter = std::thread([this, resume = std::move(resume)]() mutable {
      server_->Shutdown(std::chrono::system_clock::now() + kShutdownGrace);
      gate_->wait_empty();
      resume(true);
    });
  };
  co_await suspend<bool>(std::ref(begin));
  waiter.join();
  co_await calls_.join();
  server_.reset();
  port_ = 0;
}

Status ServerHost::authorize(const grpc::GenericCallbackServerContext& context) const {
  bool known = false;
  if (!options_.tls.empty()) {
    known = context.auth_context() != nullptr && context.auth_context()->IsPeerAuthenticated();
    if (!known) return {Code::unauthenticated, "This service needs a client certificate of its authority."};
  }
  if (!expected_.empty()) {
    const auto [first, last] = context.client_metadata().equal_range(kAuthorization);
    std::string given;
    if (first != last && std::next(first) == last) given.assign(first->second.data(), first->second.size());
    const std::string actual = digest(given);
    known = CRYPTO_memcmp(actual.data(), expected_.data(), expected_.size()) == 0;
  }
  if (known) return Ok{};
  return {Code::unauthenticated,
          "The service's shared secret is missing or wrong; set the same LIBREBIRD_RPC_SECRET on both sides."};
}

grpc::ServerGenericBidiReactor* ServerHost::CreateReactor(grpc::GenericCallbackServerContext* context) {
  if (const Status allowed = authorize(*context); !allowed) return new Refusal(allowed.error());
  if (stopping_) {
    return new Refusal(make_error(Code::unavailable, fmt::format("The {} is stopping; try again.", service_)));
  }
  const auto handler = handlers_.find(context->method());
  if (handler == handlers_.end()) {
    return new Refusal(
        make_error(Code::failed_precondition,
                   fmt::format("The {} has no such call; run the same version on both sides.", service_)));
  }
  if (!gate_->enter(options_.max_calls)) {
    return new Refusal(
        make_error(Code::resource_exhausted, fmt::format("The {} runs too many calls; try again later.", service_)));
  }
  auto call = ServerCall::create(loop_, gate_, options_, context);
  grpc::ServerGenericBidiReactor* reactor = call.get();
  loop_.post(
      [this, call = std::move(call), handler = &handler->second] { calls_.spawn(serve(call, handler), "rpc call"); });
  return reactor;
}

Task<void> ServerHost::serve(std::shared_ptr<ServerCall> call, const Handler* handler) {
  live_.insert(call.get());
  Status result = make_error(Code::unavailable, fmt::format("The {} is stopping; try again.", service_));
  if (!stopping_) {
    try {
      result = co_await (*handler)(call);
    } catch (const std::exception& e) {
      log::error("an rpc handler threw", {{"service", service_}, {"error", e.what()}});
      result = make_error(Code::internal, fmt::format("The {} failed; its log says why.", service_));
    }
    // Cancelled, but not by the client: to it, the service went away.
    if (!result && result.error().code == Code::cancelled && stopping_ && !call->lost()) {
      result = make_error(Code::unavailable, fmt::format("The {} is stopping; try again.", service_));
    }
  }
  live_.erase(call.get());
  co_await call->finish(result ? grpc::Status::OK : to_grpc(result.error()));
}

}  // namespace librebird::rpc
