#include <librebird/hands/egress/fence.hpp>

#include "session.hpp"

#include <librebird/base/async/scope.hpp>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace librebird::egress {
namespace {

using Protocol = boost::asio::local::stream_protocol;
using Acceptor = boost::asio::basic_socket_acceptor<Protocol, Executor>;

constexpr int kMaxConnections = 8;

class ServedCall final : public Call {
 public:
  ServedCall(Executor executor, HttpClient& http, const FenceLimits& limits, std::vector<std::string> hosts,
             std::string directory)
      : directory_(std::move(directory)),
        path_(directory_ + "/fence.sock"),
        acceptor_(executor),
        scope_(executor),
        policy_{http, limits, std::move(hosts)} {}
  ~ServedCall() override {
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
  }

  Status listen() {
    if (::mkdir(directory_.c_str(), 0755) != 0)
      return make_error(Code::internal, "No folder for the egress socket; make the temporary folder writable.");
    boost::system::error_code error;
    acceptor_.open(Protocol(), error);
    if (!error) acceptor_.bind(Protocol::endpoint(path_), error);
    if (!error) acceptor_.listen(kMaxConnections, error);
    if (error) return make_error(Code::internal, fmt::format("The egress socket cannot be made: {}.", error.message()));
    scope_.spawn(accept(), "egress accept");
    return Ok{};
  }

  [[nodiscard]] const std::string& directory() const override { return directory_; }
  [[nodiscard]] std::string decisions() const override { return policy_.decisions; }

  Task<void> close() override {
    scope_.cancel();
    boost::system::error_code error;
    acceptor_.close(error);
    for (Socket* socket : policy_.sockets) socket->close(error);
    co_await scope_.join();
  }

 private:
  Task<void> accept() {
    for (;;) {
      boost::system::error_code error;
      Socket socket(scope_.executor());
      co_await acceptor_.async_accept(socket, boost::asio::redirect_error(use_task, error));
      if (error) co_return;
      if (policy_.sockets.size() >= kMaxConnections) continue;
      scope_.spawn(serve(std::move(socket), policy_, scope_.token()), "egress session");
    }
  }

  std::string directory_;
  std::string path_;
  Acceptor acceptor_;
  Scope scope_;
  CallState policy_;
};

std::string make_directory() {
  const char* base = std::getenv("XDG_RUNTIME_DIR");
  for (const std::string& root : {std::string(base != nullptr ? base : ""), std::string("/tmp")}) {
    // A socket's path has room for 107 bytes.
    if (root.empty() || root[0] != '/' || root.size() > 60) continue;
    std::string path = root + "/librebird-egress-XXXXXX";
    if (::mkdtemp(path.data()) != nullptr) return path;
  }
  return {};
}

}  // namespace

Fence::Fence(Executor executor, HttpClient& http, FenceLimits limits)
    : executor_(executor), http_(http), limits_(limits) {}

Fence::~Fence() {
  if (!directory_.empty()) ::rmdir(directory_.c_str());
}

Result<std::unique_ptr<Call>> Fence::open(std::vector<std::string> hosts) {
  if (directory_.empty()) directory_ = make_directory();
  if (directory_.empty()) return make_error(Code::internal, "No folder for the egress socket; make /tmp writable.");
  auto call = std::make_unique<ServedCall>(executor_, http_, limits_, std::move(hosts),
                                           fmt::format("{}/{}", directory_, ++counter_));
  LB_CHECK(call->listen());
  return std::unique_ptr<Call>(std::move(call));
}

}  // namespace librebird::egress
