#include <librebird/net/dialer.hpp>

#include "client_connection.hpp"
#include "resolver.hpp"

#include <array>

namespace librebird::net {
namespace {

using std::chrono::steady_clock;

// What connections share and keep alive.
struct Parts {
  Parts(Executor loop, Pool& pool, std::string trusted)
      : executor(loop),
        deadlines(std::make_shared<Deadlines>(loop)),
        resolver(loop, pool),
        ca_file(std::move(trusted)) {}
  Executor executor;
  std::shared_ptr<Deadlines> deadlines;
  Resolver resolver;
  std::string ca_file;
  std::unique_ptr<TlsContext> tls;
};

Error named(const std::string& host, Error error) {
  error.message = host + ": " + error.message + ".";
  return error;
}

class Dialed final : public DialedConnection {
 public:
  Dialed(std::shared_ptr<Parts> parts, std::string host)
      : parts_(std::move(parts)),
        host_(std::move(host)),
        connection_(*parts_->deadlines, parts_->executor, host_, scratch_) {}

  Task<Status> connect(ClientConnection::Endpoint to, std::stop_token stop, Millis limit) {
    co_return named(co_await connection_.connect(to, std::move(stop), limit));
  }

  Task<Result<std::string>> read(std::stop_token stop, Millis limit) override {
    auto got = co_await connection_.read(std::move(stop), limit);
    if (!got) co_return librebird::net::named(host_, std::move(got).error());
    co_return std::string(*got);
  }
  Task<Status> write(std::string bytes, std::stop_token stop, Millis limit) override {
    co_return named(co_await connection_.write(bytes, {}, std::move(stop), limit));
  }
  Task<Status> start_tls(std::stop_token stop, Millis limit) override {
    if (!parts_->tls) {
      LB_CO_TRY(made, TlsContext::make(parts_->ca_file));
      parts_->tls = std::move(made);
    }
    co_return named(co_await connection_.handshake(*parts_->tls, host_, std::move(stop), limit));
  }

 private:
  Status named(Status status) const {
    if (!status) return librebird::net::named(host_, std::move(status).error());
    return status;
  }

  std::shared_ptr<Parts> parts_;
  std::string host_;
  std::array<char, 4096> scratch_;
  ClientConnection connection_;
};

class TcpDialer final : public Dialer {
 public:
  TcpDialer(Executor executor, Pool& pool, std::string ca_file)
      : parts_(std::make_shared<Parts>(executor, pool, std::move(ca_file))) {}

  Task<Result<std::unique_ptr<DialedConnection>>> dial(std::string host, std::uint16_t port, std::stop_token stop,
                                                       Millis limit) override {
    const auto parts = parts_;
    const auto end = steady_clock::now() + limit;
    auto found = co_await parts->resolver.resolve(host, stop, limit);
    if (!found) co_return named(host, std::move(found).error());
    Error last = make_error(Code::unavailable, host + " has no address.");
    for (std::size_t i = 0; i < found->size(); ++i) {
      const auto left = std::chrono::ceil<Millis>(end - steady_clock::now());
      auto connection = std::make_unique<Dialed>(parts, host);
      const Status connected =
          co_await connection->connect({(*found)[i], port}, stop, left / static_cast<Millis::rep>(found->size() - i));
      if (connected) co_return connection;
      last = connected.error();
      if (last.code == Code::cancelled) break;
    }
    co_return last;
  }

 private:
  std::shared_ptr<Parts> parts_;
};

}  // namespace

std::unique_ptr<Dialer> make_dialer(Loop& loop, Pool& resolver, std::string ca_file) {
  return std::make_unique<TcpDialer>(loop.executor(), resolver, std::move(ca_file));
}

}  // namespace librebird::net
