#pragma once

// What the connections of one server share. Loop only; the core outlives its connections (they run in its scope).

#include "deadlines.hpp"
#include "web_socket_session.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/net/http_server.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <ctime>
#include <vector>

namespace librebird::net {

using TcpSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;
using TcpAcceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, Executor>;

class Connection;

class ServerCore {
 public:
  ServerCore(Executor executor, ServerOptions server_options, Handler request_handler);

  Task<void> accept_all();
  Task<void> stop(Millis drain);

  void add(Connection& connection);
  void remove(Connection& connection);
  // While a handler runs, its peer is looked at from time to time: one poll() for all of them.
  void watch(Connection& connection);
  void unwatch(Connection& connection);
  // "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7), made once a second.
  std::string_view date();

  Executor executor;
  const ServerOptions options;
  const Handler handler;
  std::shared_ptr<Deadlines> deadlines;
  std::shared_ptr<SocketFlusher> flusher;
  Scope scope;
  TcpAcceptor acceptor;
  std::vector<Connection*> connections;
  bool stopping = false;
  // Every read lands here first: an idle connection needs no buffer of its own.
  std::array<char, 64 * 1024> scratch;

 private:
  void look_at_peers();

  Signal changed_;
  Timer peer_timer_;
  bool peer_timer_armed_ = false;
  std::vector<Connection*> watched_;
  std::time_t date_second_ = 0;
  std::array<char, 32> date_{};
};

}  // namespace librebird::net
