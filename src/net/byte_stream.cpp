#include "byte_stream.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

namespace librebird::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

class TcpStream final : public ByteStream {
 public:
  explicit TcpStream(ClientConnection::Socket socket) : socket_(std::move(socket)) {}

  Task<Result<std::optional<std::string>>> read() override {
    std::string piece(16 * 1024, '\0');
    error_code failure;
    const std::size_t got =
        co_await socket_.async_read_some(asio::buffer(piece), asio::redirect_error(use_task, failure));
    if (failure == asio::error::eof) co_return std::nullopt;
    if (failure) co_return make_error(Code::unavailable, "The connection broke: " + failure.message() + ".");
    piece.resize(got);
    co_return piece;
  }

  Task<Status> write(std::string bytes) override {
    error_code failure;
    co_await asio::async_write(socket_, asio::buffer(bytes), asio::redirect_error(use_task, failure));
    if (failure) co_return make_error(Code::unavailable, "The connection broke: " + failure.message() + ".");
    co_return Ok{};
  }

  void end_sending() override {
    error_code ignored;
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  ClientConnection::Socket socket_;
};

}  // namespace

std::unique_ptr<ByteStream> make_byte_stream(ClientConnection::Socket socket) {
  return std::make_unique<TcpStream>(std::move(socket));
}

}  // namespace librebird::net
