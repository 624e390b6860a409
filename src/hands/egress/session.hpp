#pragma once

// One connection of a tool to the fence: requests in, checked answers out.

#include <librebird/hands/egress/fence.hpp>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <set>
#include <stop_token>

namespace librebird::egress {

using Socket = boost::asio::basic_stream_socket<boost::asio::local::stream_protocol, Executor>;

// What the connections of one call share.
struct CallState {
  HttpClient& http;
  const FenceLimits& limits;
  std::vector<std::string> hosts;
  std::string decisions;
  int requests = 0;
  std::set<Socket*> sockets;
};

Task<void> serve(Socket socket, CallState& state, std::stop_token stop);

}  // namespace librebird::egress
