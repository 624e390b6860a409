#include "client_connection.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <sys/socket.h>

#include <array>

namespace librebird::net {

namespace asio = boost::asio;
using boost::system::error_code;

class ClientConnection::Guard {
 public:
  Guard(ClientConnection& connection, const std::stop_token& stop, Millis limit)
      : connection_(connection), on_stop_(stop, Cancel{&connection}) {
    if (limit <= Millis(0)) {
      connection_.end(Ended::timed_out);
    } else {
      connection_.expires_after(limit);
    }
  }
  ~Guard() { connection_.disarm(); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  struct Cancel {
    ClientConnection* connection;
    void operator()() const { connection->end(Ended::cancelled); }
  };
  ClientConnection& connection_;
  std::stop_callback<Cancel> on_stop_;
};

ClientConnection::ClientConnection(Deadlines& deadlines, Executor executor, std::string origin, std::span<char> scratch)
    : Deadline(deadlines), socket_(executor), origin_(std::move(origin)), scratch_(scratch) {}

ClientConnection::~ClientConnection() {
  // OpenSSL voids the session of a connection that was not shut down; ours ends where HTTP's framing says.
  if (tls_) ::SSL_set_shutdown(tls_->native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

void ClientConnection::expired() {
  if (over_) {
    std::exchange(over_, nullptr)();  // may destroy this
    return;
  }
  end(Ended::timed_out);
}

void ClientConnection::end(Ended why) {
  if (ended_ == Ended::no) ended_ = why;
  error_code ignored;
  socket_.close(ignored);
}

Error ClientConnection::failed(const error_code& failure, const char* what) const {
  switch (ended_) {
    case Ended::timed_out: return make_error(Code::deadline_exceeded, std::string(what) + " took too long");
    case Ended::cancelled: return make_error(Code::cancelled, "the request was cancelled");
    case Ended::no: break;
  }
  return make_error(Code::unavailable, std::string(what) + " failed: " + failure.message());
}

Task<Status> ClientConnection::connect(Endpoint to, std::stop_token stop, Millis limit) {
  error_code failure;
  socket_.open(to.protocol(), failure);
  if (failure) co_return failed(failure, "connecting");
  const Guard guard(*this, stop, limit);
  if (ended_ == Ended::no) co_await socket_.async_connect(to, asio::redirect_error(use_task, failure));
  if (failure || ended_ != Ended::no) co_return failed(failure, "connecting");
  socket_.non_blocking(true, failure);
  socket_.set_option(asio::ip::tcp::no_delay(true), failure);
  co_return Ok{};
}

Task<Status> ClientConnection::handshake(TlsContext& tls, std::string host, std::stop_token stop, Millis limit) {
  tls_.emplace(socket_, tls.context());
  LB_CO_CHECK(tls.prepare(tls_->native_handle(), host, origin_));
  const Guard guard(*this, stop, limit);
  error_code failure;
  if (ended_ == Ended::no) {
    co_await tls_->async_handshake(asio::ssl::stream_base::client, asio::redirect_error(use_task, failure));
  }
  if (!failure && ended_ == Ended::no) co_return Ok{};
  const long verdict = ::SSL_get_verify_result(tls_->native_handle());
  if (ended_ == Ended::no && verdict != X509_V_OK) {
    co_return make_error(Code::unavailable,
                         std::string("its certificate is not trusted: ") + ::X509_verify_cert_error_string(verdict));
  }
  co_return failed(failure, "the TLS handshake");
}

Task<Status> ClientConnection::write(std::string_view first, std::string_view second, std::stop_token stop,
                                     Millis limit) {
  const Guard guard(*this, stop, limit);
  error_code failure;
  if (tls_) {
    const std::array<asio::const_buffer, 2> both{asio::buffer(first), asio::buffer(second)};
    if (ended_ == Ended::no) co_await asio::async_write(*tls_, both, asio::redirect_error(use_task, failure));
    if (failure || ended_ != Ended::no) co_return failed(failure, "sending");
    co_return Ok{};
  }
  while (ended_ == Ended::no && !(first.empty() && second.empty())) {
    const std::array<asio::const_buffer, 2> both{asio::buffer(first), asio::buffer(second)};
    const std::size_t sent = socket_.write_some(both, failure);
    if (failure == asio::error::would_block || failure == asio::error::try_again) {
      co_await socket_.async_wait(Socket::wait_write, asio::redirect_error(use_task, failure));
    }
    if (failure) break;
    const std::size_t of_first = std::min(sent, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(sent - of_first);
    if (sent > 0) expires_after(limit);
  }
  if (failure || ended_ != Ended::no) co_return failed(failure, "sending");
  co_return Ok{};
}

Task<Result<std::string_view>> ClientConnection::read(std::stop_token stop, Millis limit) {
  const Guard guard(*this, stop, limit);
  error_code failure;
  std::size_t got = 0;
  if (tls_) {
    tls_buffer_.resize(16 * 1024);
    if (ended_ == Ended::no) {
      got = co_await tls_->async_read_some(asio::buffer(tls_buffer_), asio::redirect_error(use_task, failure));
    }
    // eof means close_notify; a bare TCP end is `stream_truncated`: the body may have been cut by anybody.
    if (failure == asio::error::eof && ended_ == Ended::no) co_return std::string_view();
    if (failure || ended_ != Ended::no) co_return failed(failure, "reading the answer");
    co_return std::string_view(tls_buffer_.data(), got);
  }
  for (;;) {
    if (ended_ == Ended::no) {
      co_await socket_.async_wait(Socket::wait_read, asio::redirect_error(use_task, failure));
    }
    if (failure || ended_ != Ended::no) co_return failed(failure, "reading the answer");
    got = socket_.read_some(asio::buffer(scratch_.data(), scratch_.size()), failure);
    if (failure == asio::error::would_block || failure == asio::error::try_again) continue;
    if (failure == asio::error::eof) co_return std::string_view();
    if (failure) co_return failed(failure, "reading the answer");
    co_return std::string_view(scratch_.data(), got);
  }
}

void ClientConnection::rest(Millis lifetime, std::function<void()> over) {
  over_ = std::move(over);
  tls_buffer_ = {};
  expires_after(lifetime);
}

void ClientConnection::wake() {
  over_ = nullptr;
  disarm();
}

bool ClientConnection::fresh() {
  char byte = 0;
  const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  // TLS may have a session ticket waiting; a plain peer has nothing to say yet.
  if (got > 0) return tls_.has_value();
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace librebird::net
