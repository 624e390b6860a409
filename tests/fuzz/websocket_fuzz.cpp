// fuzz-links: librebird_net
// Frames of a peer, in memory: the bytes stand where a socket's early bytes do, the socket behind them is closed.
#include "web_socket_session.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/base/utf8.hpp>

#include <cstdint>
#include <cstdlib>

using namespace librebird;
using namespace librebird::net;

namespace {

Task<void> read_all(std::shared_ptr<WebSocketSession> session) {
  for (;;) {
    const auto message = co_await session->read();
    if (!message || !*message) break;
    if (!is_utf8(**message) || (*message)->size() > 4096) std::abort();
    if (!session->send(std::make_shared<const std::string>(**message))) session->close(4408, "slow");
  }
  co_await session->finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Loop loop;
  WebSocketSession::Socket socket(loop.executor());
  const auto flusher = std::make_shared<SocketFlusher>(loop.executor());
  Request request{.method = "GET", .path = "/"};
  request.headers = {{"Host", "x"},
                     {"Upgrade", "websocket"},
                     {"Connection", "upgrade"},
                     {"Sec-WebSocket-Version", "13"},
                     {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  const auto session =
      std::make_shared<WebSocketSession>(socket, *flusher, WebSocketSession::Limits{.frame = 4096, .queue = 16384},
                                         std::string(reinterpret_cast<const char*>(data), size));
  if (!session->accept(request, {})) std::abort();
  Scope scope(loop.executor());
  scope.spawn(read_all(session), "fuzz");
  loop.poll();
  // A closed socket leaves nothing to wait for.
  if (scope.size() != 0) std::abort();
  return 0;
}
