#include "web_socket_session.hpp"

#include <librebird/base/utf8.hpp>

#include <boost/asio/append.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <algorithm>
#include <array>

namespace librebird::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;

namespace {

constexpr std::size_t kFirstRead = 256;
constexpr std::size_t kControlBacklog = 64 * 1024;
constexpr std::size_t kFramesPerWrite = 64;

// The header of a text frame of the server (RFC 6455, 5.2): final, not masked. Returns its length.
std::size_t text_header(std::array<unsigned char, 10>& out, std::size_t size) {
  out[0] = 0x81;
  if (size < 126) {
    out[1] = static_cast<unsigned char>(size);
    return 2;
  }
  const std::size_t bytes = size <= 0xFFFF ? 2 : 8;
  out[1] = bytes == 2 ? 126 : 127;
  for (std::size_t i = 0; i < bytes; ++i) out[2 + i] = static_cast<unsigned char>(size >> (8 * (bytes - 1 - i)));
  return 2 + bytes;
}

std::size_t text_header_size(std::size_t size) { return size < 126 ? 2 : size <= 0xFFFF ? 4 : 10; }

}  // namespace

// What Beast takes for the socket: reads come from it, writes go into the session's queue.
class FrameLayer {
 public:
  using executor_type = Executor;
  explicit FrameLayer(WebSocketSession& session) : session_(session) {}

  executor_type get_executor() noexcept { return session_.socket_->get_executor(); }

  template <class Buffers>
  std::size_t read_some(const Buffers&, error_code& failure) {
    failure = asio::error::operation_not_supported;
    return 0;
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    error_code failure;
    return read_some(buffers, failure);
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, error_code& failure) {
    std::string bytes(asio::buffer_size(buffers), '\0');
    asio::buffer_copy(asio::buffer(bytes), buffers);
    const std::size_t size = bytes.size();
    failure = session_.push_whole(std::move(bytes)) ? error_code() : error_code(asio::error::connection_aborted);
    return size;
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers) {
    error_code failure;
    return write_some(buffers, failure);
  }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& target) {
          std::string& early = session_.early_;
          if (early.empty()) {
            session_.socket_->async_read_some(target, std::move(handler));
            return;
          }
          const std::size_t taken = asio::buffer_copy(target, asio::buffer(early));
          early.erase(0, taken);
          if (early.empty()) early.shrink_to_fit();
          asio::post(get_executor(), beast::bind_front_handler(std::move(handler), error_code(), taken));
        },
        token, buffers);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& source) {
          error_code failure;
          const std::size_t size = write_some(source, failure);
          asio::post(get_executor(), beast::bind_front_handler(std::move(handler), failure, size));
        },
        token, buffers);
  }

 private:
  WebSocketSession& session_;
};

// The connection, not Beast, takes the socket down: after what is queued.
inline void teardown(beast::role_type, FrameLayer&, error_code& failure) { failure = {}; }
template <class Handler>
void async_teardown(beast::role_type, FrameLayer& layer, Handler&& handler) {
  asio::post(layer.get_executor(), beast::bind_front_handler(std::forward<Handler>(handler), error_code()));
}

// Beast's own timeouts are not used; this is what they would call.
inline void beast_close_socket(FrameLayer&) {}

struct WebSocketSession::Stream {
  explicit Stream(WebSocketSession& session) : beast(session) {}
  websocket::stream<FrameLayer, false> beast;
};

void SocketFlusher::add(std::shared_ptr<WebSocketSession> session) {
  waiting_.push_back(std::move(session));
  if (waiting_.size() > 1) return;
  asio::post(executor_, [self = shared_from_this()] {
    for (const auto& ready : std::exchange(self->waiting_, {})) ready->flush();
  });
}

WebSocketSession::WebSocketSession(Socket& socket, SocketFlusher& flusher, Limits limits, std::string early)
    : socket_(&socket),
      flusher_(flusher),
      limits_(limits),
      early_(std::move(early)),
      heard_(std::chrono::steady_clock::now()),
      stream_(std::make_unique<Stream>(*this)) {
  stream_->beast.read_message_max(limits_.frame);
  stream_->beast.auto_fragment(false);
  stream_->beast.control_callback(
      [this](websocket::frame_type, beast::string_view) { heard_ = std::chrono::steady_clock::now(); });
}

WebSocketSession::~WebSocketSession() = default;

Status WebSocketSession::accept(const Request& request, const HttpHeaders& headers) {
  beast::http::request<beast::http::empty_body> handshake(beast::http::verb::get, "/", 11);
  for (const auto& [name, value] : request.headers) handshake.insert(name, value);
  stream_->beast.set_option(websocket::stream_base::decorator([&headers](websocket::response_type& answer) {
    for (const auto& [name, value] : headers) answer.insert(name, value);
  }));
  error_code failure;
  stream_->beast.accept(handshake, failure);
  stream_->beast.set_option(websocket::stream_base::decorator([](websocket::response_type&) {}));
  if (failure) {
    return make_error(Code::invalid_argument, "The WebSocket handshake was refused: " + failure.message() + ".");
  }
  return Ok{};
}

Task<Result<std::optional<std::string>>> WebSocketSession::read() {
  std::string message;
  if (lost_) co_return make_error(Code::unavailable, "The connection is lost.");
  if (!stream_->beast.is_open()) co_return std::nullopt;
  do {
    // Room grows with what has arrived, never with what a frame's header promises.
    const std::size_t used = message.size();
    const std::size_t room = std::min(stream_->beast.read_size_hint(kFirstRead), std::max(kFirstRead, used));
    message.resize(used + std::max<std::size_t>(room, 1));
    error_code failure;
    const std::size_t got = co_await stream_->beast.async_read_some(asio::buffer(&message[used], message.size() - used),
                                                                    asio::redirect_error(use_task, failure));
    message.resize(used + got);
    heard_ = std::chrono::steady_clock::now();
    if (failure == websocket::error::closed) {
      peer_closed_ = true;
      co_return std::nullopt;
    }
    if (failure) co_return ended(failure);
    if (!stream_->beast.got_text()) {
      close(1003, "only text frames are understood");
      co_return make_error(Code::invalid_argument, "The peer sent a binary message; only text is understood.");
    }
  } while (!stream_->beast.is_message_done());
  co_return message;
}

Error WebSocketSession::ended(const error_code& failure) {
  if (failure == websocket::error::message_too_big || failure == websocket::error::buffer_overflow) {
    return make_error(Code::too_large,
                      "The peer sent a message larger than " + std::to_string(limits_.frame) + " bytes.");
  }
  if (failure == websocket::error::bad_frame_payload) {
    return make_error(Code::invalid_argument, "The peer sent text that is not UTF-8.");
  }
  if (failure.category() == websocket::make_error_code(websocket::error::closed).category()) {
    return make_error(Code::invalid_argument, "The peer broke the WebSocket protocol: " + failure.message() + ".");
  }
  drop();
  return make_error(Code::unavailable, "The connection is lost: " + failure.message() + ".");
}

bool WebSocketSession::send(std::shared_ptr<const std::string> text) {
  if (closing_ || lost_) return true;
  if (queued_bytes_ + text->size() > limits_.queue) return false;
  push(std::move(text), false);
  return true;
}

void WebSocketSession::ping() { (void)push_whole(std::string("\x89\x00", 2)); }

void WebSocketSession::close(std::uint16_t code, std::string reason) {
  if (closing_ || lost_) return;
  const std::string_view text = utf8_prefix(reason, 123);
  std::string frame{static_cast<char>(0x88), static_cast<char>(2 + text.size()), static_cast<char>(code >> 8),
                    static_cast<char>(code & 0xFF)};
  frame += text;
  push(std::make_shared<const std::string>(std::move(frame)), true);
  closing_ = true;
}

bool WebSocketSession::push_whole(std::string frames) {
  if (closing_) return true;  // Beast answers the peer's close; ours is on its way
  if (lost_ || queued_bytes_ > limits_.queue + kControlBacklog) return false;
  // Beast's own close frame ends the stream just as ours does.
  closing_ = static_cast<unsigned char>(frames.front()) == 0x88;
  push(std::make_shared<const std::string>(std::move(frames)), true);
  return true;
}

void WebSocketSession::push(std::shared_ptr<const std::string> data, bool whole) {
  queued_bytes_ += data->size();
  queue_.push_back({std::move(data), whole});
  if (std::exchange(scheduled_, true)) return;
  flusher_.add(shared_from_this());
}

void WebSocketSession::flush() {
  while (!lost_ && head_ < queue_.size()) {
    if (write_some()) continue;
    if (lost_) return;
    // The socket is full; go on when it has room.
    socket_->async_wait(Socket::wait_write, [self = shared_from_this()](const error_code& failure) {
      if (!failure) self->flush();
    });
    return;
  }
  scheduled_ = false;
}

bool WebSocketSession::write_some() {
  std::array<asio::const_buffer, 2 * kFramesPerWrite> buffers;
  std::array<std::array<unsigned char, 10>, kFramesPerWrite> headers;
  std::size_t count = 0;
  std::size_t frames = 0;
  std::size_t skip = head_written_;
  const auto add = [&](const void* data, std::size_t size) {
    const std::size_t cut = std::min(skip, size);
    skip -= cut;
    if (size > cut) buffers[count++] = {static_cast<const char*>(data) + cut, size - cut};
  };
  for (std::size_t i = head_; i < queue_.size() && frames < kFramesPerWrite; ++i, ++frames) {
    const Item& item = queue_[i];
    if (!item.whole) add(headers[frames].data(), text_header(headers[frames], item.data->size()));
    add(item.data->data(), item.data->size());
  }
  error_code failure;
  std::size_t written = 0;
  if (count > 0) {
    written = socket_->write_some(std::span<const asio::const_buffer>(buffers.data(), count), failure);
    if (failure == asio::error::would_block || failure == asio::error::try_again) return false;
    if (failure) {
      drop();
      return false;
    }
  }
  written += head_written_;
  while (head_ < queue_.size()) {
    Item& item = queue_[head_];
    const std::size_t size = item.data->size() + (item.whole ? 0 : text_header_size(item.data->size()));
    if (written < size) break;
    written -= size;
    queued_bytes_ -= item.data->size();
    item.data.reset();
    ++head_;
  }
  head_written_ = written;
  if (head_ == queue_.size()) {
    // An idle socket keeps no queue.
    if (queue_.capacity() > 16) queue_ = {};
    queue_.clear();
    head_ = 0;
  } else if (head_ > 256) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  return true;
}

void WebSocketSession::drop() {
  if (std::exchange(lost_, true)) return;
  queue_ = {};
  head_ = 0;
  queued_bytes_ = 0;
  error_code ignored;
  if (socket_ != nullptr) socket_->close(ignored);
}

Task<void> WebSocketSession::finish() {
  close(1000, "");
  while (!lost_ && head_ < queue_.size()) {
    if (write_some() || lost_) continue;
    error_code failure;
    co_await socket_->async_wait(Socket::wait_write, asio::redirect_error(use_task, failure));
    if (failure) drop();
  }
  lost_ = true;
}

}  // namespace librebird::net
