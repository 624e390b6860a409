#include <librebird/hands/egress/fence.hpp>

#include "directory.hpp"
#include "session.hpp"
#include "system_roots.hpp"

#include <librebird/base/async/sync.hpp>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include <fmt/format.h>

#include <sys/stat.h>

#include <deque>

namespace librebird::egress {
namespace {

using Protocol = boost::asio::local::stream_protocol;
using Acceptor = boost::asio::basic_socket_acceptor<Protocol, Executor>;

constexpr std::size_t kStock = 8;
constexpr std::size_t kConnectionsInAll = 1024;
constexpr Millis kWatchEvery{250};
constexpr std::string_view kFull = "HTTP/1.1 503 This call has too many connections\r\nConnection: close\r\n\r\n";

}  // namespace

class Fence::Impl : public std::enable_shared_from_this<Fence::Impl> {
 public:
  Impl(Executor executor, HttpClient& http) : executor_(executor), http_(http) {}

  [[nodiscard]] Executor executor() const { return executor_; }
  [[nodiscard]] HttpClient& http() const { return http_; }
  [[nodiscard]] TlsServer& tls() const { return *tls_; }
  std::size_t connections = 0;

  // A new folder for a call.
  Result<std::string> make_directory() {
    if (directory_.path().empty()) {
      LB_TRY(made, PrivateDirectory::make());
      directory_ = std::move(made);
    }
    if (!tls_) {
      LB_TRY(made, TlsServer::make());
      tls_ = std::move(made);
    }
    std::string path = fmt::format("{}/{}", directory_.path(), ++counter_);
    if (::mkdir(path.c_str(), 0755) != 0 || ::chmod(path.c_str(), 0755) != 0) {
      return make_error(Code::internal, "No folder for the egress socket; make /tmp writable.");
    }
    return path;
  }

  // From the stock, which is filled again when the loop has nothing more urgent in its queue.
  Result<std::unique_ptr<Authority>> take_authority() {
    if (!refilling_) {
      refilling_ = true;
      boost::asio::post(executor_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->refill();
      });
    }
    if (stock_.empty()) return Authority::make();
    auto taken = std::move(stock_.front());
    stock_.pop_front();
    return taken;
  }

  // Read once: a few hundred kilobytes, needed by calls with tunnels only.
  [[nodiscard]] const std::string& roots() {
    if (roots_.empty()) roots_ = system_roots();
    return roots_;
  }

 private:
  void refill() {
    refilling_ = false;
    if (stock_.size() >= kStock) return;
    auto made = Authority::make();
    if (!made) return;
    stock_.push_back(std::move(made).value());
    if (stock_.size() == kStock) return;
    refilling_ = true;
    boost::asio::post(executor_, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->refill();
    });
  }

  Executor executor_;
  HttpClient& http_;
  PrivateDirectory directory_;
  std::unique_ptr<TlsServer> tls_;
  std::deque<std::unique_ptr<Authority>> stock_;
  bool refilling_ = false;
  std::string roots_;
  std::uint64_t counter_ = 0;

 public:
  class Server;
  class ServedCall;
  Result<std::shared_ptr<Server>> prepare();
};

// What serves a call. Its coroutines own it, so that a call may be dropped when nobody can wait for them any more.
class Fence::Impl::Server : public std::enable_shared_from_this<Server> {
 public:
  Server(std::shared_ptr<Impl> fence, std::string directory, std::unique_ptr<Authority> authority)
      : fence_(std::move(fence)),
        directory_(std::move(directory)),
        acceptor_(fence_->executor()),
        ended_(fence_->executor()),
        state_{fence_->http(), fence_->tls(), std::move(authority), nullptr, {}, {}} {}
  ~Server() { remove_call_directory(directory_); }

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] CallState& state() { return state_; }

  Status write_certificates() {
    // Behind a tunnel a program meets the world's own certificates; otherwise only ours, so it trusts only ours.
    const bool roots = state_.binding && state_.binding->has_tunnels();
    return write_file(directory_ + "/ca.pem", state_.authority->certificate_pem() + (roots ? fence_->roots() : ""));
  }

  Status listen() {
    const std::string path = directory_ + "/fence.sock";
    boost::system::error_code error;
    acceptor_.open(Protocol(), error);
    if (!error) acceptor_.bind(Protocol::endpoint(path), error);
    if (!error) acceptor_.listen(FenceLimits{}.connections, error);
    if (error) return make_error(Code::internal, fmt::format("The egress socket cannot be made: {}.", error.message()));
    // Who is who inside the sandbox is the sandbox's business; outside, the folder above is closed to others.
    ::chmod(path.c_str(), 0666);
    start(accept());
    return Ok{};
  }

  Status bind(CallPolicy policy) {
    LB_TRY(binding, Binding::make(std::move(policy)));
    const auto before = std::exchange(state_.binding, std::move(binding));
    const bool had_tunnels = before && before->has_tunnels();
    if (had_tunnels == state_.binding->has_tunnels()) return Ok{};
    if (auto written = write_certificates(); !written) {
      state_.binding = before;
      return written;
    }
    return Ok{};
  }

  void stop() {
    stop_.request_stop();
    boost::system::error_code error;
    acceptor_.close(error);
    for (Wire* wire : state_.wires) wire->close();
    for (Tunnel* tunnel : state_.tunnels) tunnel->outside->close();
    remove_call_directory(directory_);
  }
  Task<void> join() {
    while (running_ > 0) co_await ended_.wait();
  }

 private:
  void start(Task<void> task) {
    ++running_;
    boost::asio::co_spawn(fence_->executor(), own(shared_from_this(), std::move(task)), boost::asio::detached);
  }
  static Task<void> own(std::shared_ptr<Server> self, Task<void> task) {
    co_await std::move(task);
    if (--self->running_ == 0) self->ended_.notify_all();
  }

  Task<void> accept() {
    while (!stop_.stop_requested()) {
      boost::system::error_code error;
      Socket socket(fence_->executor());
      co_await acceptor_.async_accept(socket, boost::asio::redirect_error(use_task, error));
      if (!acceptor_.is_open()) co_return;
      if (error) {
        // Out of descriptors, most likely: others need a moment to end.
        co_await sleep_for(kWatchEvery, stop_.get_token());
        continue;
      }
      const int limit = state_.binding ? state_.binding->limits().connections : FenceLimits{}.connections;
      if (std::cmp_greater_equal(serving_, limit) || fence_->connections >= kConnectionsInAll) {
        socket.non_blocking(true, error);
        socket.write_some(boost::asio::buffer(kFull), error);
        continue;
      }
      start(serve_one(std::move(socket)));
      if (!std::exchange(watching_, true)) start(watch());
    }
  }

  Task<void> serve_one(Socket socket) {
    ++serving_;
    ++fence_->connections;
    co_await serve(std::move(socket), state_, stop_.get_token());
    --serving_;
    --fence_->connections;
  }

  // Deadlines, while there is somebody to have one.
  Task<void> watch() {
    while (co_await sleep_for(kWatchEvery, stop_.get_token())) {
      if (state_.wires.empty()) break;
      const SteadyTime now = std::chrono::steady_clock::now();
      for (Wire* wire : state_.wires) wire->expire(now);
      for (Tunnel* tunnel : state_.tunnels) {
        if (now < tunnel->until) continue;
        tunnel->inside->close();
        tunnel->outside->close();
      }
    }
    watching_ = false;
  }

  std::shared_ptr<Impl> fence_;
  std::string directory_;
  Acceptor acceptor_;
  Signal ended_;
  std::stop_source stop_;
  CallState state_;
  int running_ = 0;
  int serving_ = 0;
  bool watching_ = false;
};

class Fence::Impl::ServedCall final : public Call {
 public:
  explicit ServedCall(std::shared_ptr<Server> server) : server_(std::move(server)) {}
  ~ServedCall() override { server_->stop(); }

  [[nodiscard]] const std::string& directory() const override { return server_->directory(); }
  Status bind(CallPolicy policy) override { return server_->bind(std::move(policy)); }
  [[nodiscard]] const std::vector<EgressEvent>& events() const override {
    static const std::vector<EgressEvent> kNone;
    const auto& binding = server_->state().binding;
    return binding ? binding->events() : kNone;
  }
  [[nodiscard]] std::string decisions() const override {
    const auto& binding = server_->state().binding;
    return binding ? binding->decisions() : std::string();
  }
  Task<void> close() override {
    const std::shared_ptr<Server> server = server_;
    server->stop();
    co_await server->join();
  }

 private:
  std::shared_ptr<Server> server_;
};

// Not listening yet.
Result<std::shared_ptr<Fence::Impl::Server>> Fence::Impl::prepare() {
  LB_TRY(directory, make_directory());
  auto authority = take_authority();
  if (authority) {
    auto server = std::make_shared<Server>(shared_from_this(), directory, std::move(authority).value());
    LB_CHECK(server->write_certificates());
    return server;
  }
  remove_call_directory(directory);
  return std::move(authority).error();
}

Fence::Fence(Executor executor, HttpClient& http) : impl_(std::make_shared<Impl>(executor, http)) {}

Fence::~Fence() = default;

Result<std::unique_ptr<Call>> Fence::open_idle() {
  LB_TRY(server, impl_->prepare());
  LB_CHECK(server->listen());
  return std::unique_ptr<Call>(std::make_unique<Impl::ServedCall>(std::move(server)));
}

Result<std::unique_ptr<Call>> Fence::open(std::vector<std::string> hosts) {
  CallPolicy policy;
  policy.hosts = std::move(hosts);
  return open(std::move(policy));
}

Result<std::unique_ptr<Call>> Fence::open(CallPolicy policy) {
  LB_TRY(server, impl_->prepare());
  LB_CHECK(server->bind(std::move(policy)));
  LB_CHECK(server->listen());
  return std::unique_ptr<Call>(std::make_unique<Impl::ServedCall>(std::move(server)));
}

}  // namespace librebird::egress
