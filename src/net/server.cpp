#include "connection.hpp"
#include "server_core.hpp"

#include <librebird/base/log.hpp>

#include <boost/asio/redirect_error.hpp>

#include <fmt/format.h>

#include <poll.h>

namespace librebird::net {

namespace asio = boost::asio;
using boost::asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr Millis kPeerLook{100};

}  // namespace

ServerCore::ServerCore(Executor the_executor, ServerOptions server_options, Handler request_handler)
    : executor(the_executor),
      options(std::move(server_options)),
      handler(std::move(request_handler)),
      deadlines(std::make_shared<Deadlines>(the_executor)),
      flusher(std::make_shared<SocketFlusher>(the_executor)),
      scope(the_executor),
      acceptor(the_executor),
      changed_(the_executor),
      peer_timer_(the_executor) {}

Task<void> ServerCore::accept_all() {
  while (!stopping) {
    error_code failure;
    TcpSocket socket(executor);
    tcp::endpoint peer;
    co_await acceptor.async_accept(socket, peer, asio::redirect_error(use_task, failure));
    if (stopping || failure == asio::error::operation_aborted || failure == asio::error::bad_descriptor) break;
    if (failure) {
      // Out of file descriptors or memory: waiting lets connections end.
      log::warn("a connection could not be accepted", {{"error", failure.message()}});
      co_await sleep_for(Millis(100), scope.token());
      continue;
    }
    socket.non_blocking(true, failure);
    socket.set_option(tcp::no_delay(true), failure);
    if (connections.size() >= options.connection_limit) {
      static constexpr std::string_view kFull =
          "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
      socket.write_some(asio::buffer(kFull), failure);
      socket.shutdown(TcpSocket::shutdown_send, failure);
      continue;
    }
    auto address = peer.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
      address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    }
    scope.spawn(Connection::serve(std::make_unique<Connection>(*this, std::move(socket), address.to_string())),
                "http connection");
  }
}

Task<void> ServerCore::stop(Millis drain) {
  stopping = true;
  error_code ignored;
  acceptor.close(ignored);
  for (Connection* connection : std::vector(connections)) connection->drain();
  const SteadyTime until = std::chrono::steady_clock::now() + drain;
  while (!connections.empty()) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds(0)) break;
    co_await changed_.wait({}, left);
  }
  scope.cancel();
  // Ending one may end others: always take the list anew.
  for (std::size_t i = 0; i < connections.size(); ++i) connections[i]->abort();
  co_await scope.join();
  deadlines->stop();
  peer_timer_.cancel();
}

void ServerCore::add(Connection& connection) {
  connection.place_ = connections.size();
  connections.push_back(&connection);
}

void ServerCore::remove(Connection& connection) {
  connections[connection.place_] = connections.back();
  connections[connection.place_]->place_ = connection.place_;
  connections.pop_back();
  changed_.notify_all();
}

void ServerCore::watch(Connection& connection) {
  connection.watched_ = true;
  connection.watched_at_ = watched_.size();
  watched_.push_back(&connection);
  if (!peer_timer_armed_) look_at_peers();
}

void ServerCore::unwatch(Connection& connection) {
  if (!std::exchange(connection.watched_, false)) return;
  watched_[connection.watched_at_] = watched_.back();
  watched_[connection.watched_at_]->watched_at_ = connection.watched_at_;
  watched_.pop_back();
}

void ServerCore::look_at_peers() {
  if (peer_timer_armed_) {
    peer_timer_armed_ = false;
#ifdef POLLRDHUP
    constexpr short kLeft = POLLRDHUP | POLLHUP | POLLERR;
#else
    constexpr short kLeft = POLLHUP | POLLERR;
#endif
    std::vector<pollfd> polled;
    const std::vector<Connection*> looked_at = watched_;
    polled.reserve(looked_at.size());
    for (Connection* connection : looked_at)
      polled.push_back({.fd = connection->handle(), .events = kLeft, .revents = 0});
    if (!polled.empty() && ::poll(polled.data(), polled.size(), 0) > 0) {
      for (std::size_t i = 0; i < polled.size(); ++i) {
        // An earlier one's callbacks may have ended this one.
        const bool left = (polled[i].revents & (kLeft | POLLNVAL)) != 0;
        if (left && std::ranges::find(watched_, looked_at[i]) != watched_.end()) {
          Connection& connection = *looked_at[i];
          unwatch(connection);
          connection.peer_left();
        }
      }
    }
  }
  if (watched_.empty()) return;
  peer_timer_armed_ = true;
  peer_timer_.expires_after(kPeerLook);
  peer_timer_.async_wait([this](const error_code& failure) {
    if (!failure) look_at_peers();
  });
}

std::string_view ServerCore::date() {
  const std::time_t now = std::time(nullptr);
  if (now != date_second_) {
    static constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm t{};
    ::gmtime_r(&now, &t);
    date_second_ = now;
    fmt::format_to_n(date_.data(), 29, "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[std::size_t(t.tm_wday)],
                     t.tm_mday, kMonths[std::size_t(t.tm_mon)], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  }
  return {date_.data(), 29};
}

class HttpServer::Impl : public ServerCore {
 public:
  using ServerCore::ServerCore;
};

HttpServer::HttpServer(Loop& loop, ServerOptions options, Handler handler)
    : impl_(std::make_unique<Impl>(loop.executor(), std::move(options), std::move(handler))) {}

HttpServer::~HttpServer() = default;

Result<std::uint16_t> HttpServer::listen(const std::string& address, std::uint16_t port) {
  error_code failure;
  const auto parsed = asio::ip::make_address(address, failure);
  if (failure) {
    return make_error(Code::invalid_argument, fmt::format("\"{}\" is not an IP address to listen on.", address));
  }
  TcpAcceptor& acceptor = impl_->acceptor;
  const tcp::endpoint endpoint(parsed, port);
  acceptor.open(endpoint.protocol(), failure);
  if (!failure) acceptor.set_option(asio::socket_base::reuse_address(true), failure);
  if (!failure) acceptor.bind(endpoint, failure);
  if (!failure) acceptor.listen(asio::socket_base::max_listen_connections, failure);
  if (failure) {
    error_code ignored;
    acceptor.close(ignored);
    return make_error(failure == asio::error::address_in_use ? Code::unavailable : Code::failed_precondition,
                      fmt::format("Port {} of {} cannot be used ({}); stop the program that holds it or choose another "
                                  "with --port.",
                                  port, address, failure.message()));
  }
  const auto bound = acceptor.local_endpoint(failure);
  impl_->scope.spawn(impl_->accept_all(), "http acceptor");
  return bound.port();
}

Task<void> HttpServer::stop(Millis drain) { co_await impl_->stop(drain); }

std::size_t HttpServer::connections() const { return impl_->connections.size(); }

}  // namespace librebird::net
