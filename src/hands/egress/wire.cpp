#include "wire.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>

#include <openssl/err.h>
#include <sys/socket.h>

#include <chrono>

namespace librebird::egress {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kPiece = 16 * 1024;

SteadyTime after(Millis limit) { return std::chrono::steady_clock::now() + limit; }

bool is_end(const error_code& failure) {
  return failure == asio::error::eof || failure == asio::ssl::error::stream_truncated;
}

}  // namespace

Wire::~Wire() { close(); }

Error Wire::failed(const error_code& failure) const {
  if (timed_out_) return make_error(Code::deadline_exceeded, "The program was silent for too long.");
  return make_error(Code::unavailable, "The program's connection broke: " + failure.message() + ".");
}

Task<Result<bool>> Wire::read(std::string& into, Millis limit) {
  const std::size_t before = into.size();
  into.resize(before + kPiece);
  read_until_ = after(limit);
  error_code failure;
  const auto room = asio::buffer(into.data() + before, kPiece);
  const std::size_t got = tls_ ? co_await tls_->async_read_some(room, asio::redirect_error(use_task, failure))
                               : co_await socket_.async_read_some(room, asio::redirect_error(use_task, failure));
  read_until_ = SteadyTime::max();
  into.resize(before + got);
  if (failure && (timed_out_ || !is_end(failure))) co_return failed(failure);
  co_return !failure;
}

Task<Status> Wire::write(std::string_view bytes, Millis limit) {
  // Piece by piece: the limit is for a peer that takes nothing, not for a large answer.
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, 4 * kPiece);
    write_until_ = after(limit);
    error_code failure;
    const auto out = asio::buffer(piece.data(), piece.size());
    if (tls_) {
      co_await asio::async_write(*tls_, out, asio::redirect_error(use_task, failure));
    } else {
      co_await asio::async_write(socket_, out, asio::redirect_error(use_task, failure));
    }
    write_until_ = SteadyTime::max();
    if (failure) co_return failed(failure);
    bytes.remove_prefix(piece.size());
  }
  co_return Ok{};
}

Task<std::optional<char>> Wire::peek(Millis limit) {
  read_until_ = after(limit);
  error_code failure;
  co_await socket_.async_wait(Socket::wait_read, asio::redirect_error(use_task, failure));
  read_until_ = SteadyTime::max();
  char first = 0;
  if (failure || ::recv(socket_.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1) co_return std::nullopt;
  co_return first;
}

Task<Status> Wire::accept_tls(SSL* ssl, std::string_view first, Millis limit) {
  tls_.emplace(socket_, ssl);
  read_until_ = after(limit);
  error_code failure;
  co_await tls_->async_handshake(asio::ssl::stream_base::server, asio::buffer(first.data(), first.size()),
                                 asio::redirect_error(use_task, failure));
  read_until_ = SteadyTime::max();
  ::ERR_clear_error();
  if (!failure) co_return Ok{};
  if (timed_out_) co_return failed(failure);
  co_return make_error(Code::unavailable, "The TLS handshake with the program failed: " + failure.message() + ".");
}

Task<void> Wire::end(Millis limit) {
  if (!socket_.is_open()) co_return;
  error_code ignored;
  if (tls_) {
    read_until_ = after(limit);
    co_await tls_->async_shutdown(asio::redirect_error(use_task, ignored));
    read_until_ = SteadyTime::max();
    ::ERR_clear_error();
  }
  end_sending();
}

void Wire::end_sending() {
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Wire::close() {
  error_code ignored;
  socket_.close(ignored);
}

void Wire::expire(SteadyTime now) {
  if (now < read_until_ && now < write_until_) return;
  timed_out_ = true;
  close();
}

}  // namespace librebird::egress
