#include "byte_stream.hpp"
#include "client_connection.hpp"
#include "resolver.hpp"
#include "response_parser.hpp"
#include "url.hpp"

#include <librebird/net/http_client.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace librebird::net {
namespace {

namespace ip = boost::asio::ip;
using std::chrono::steady_clock;
using ConnectionPtr = std::unique_ptr<ClientConnection>;

constexpr std::size_t kIdleInAll = 512;

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_value(std::string_view text) {
  return std::ranges::none_of(text,
                              [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; });
}

bool same(std::string_view a, std::string_view lower) {
  return std::ranges::equal(a, lower, {}, [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
}

// Host and framing are the client's business.
bool is_ours(std::string_view name) {
  return same(name, "host") || same(name, "content-length") || same(name, "transfer-encoding") ||
         same(name, "connection");
}

Result<std::string> make_head(const HttpRequest& request, const Url& url) {
  if (!is_token(request.method) || request.method == "CONNECT") {
    return make_error(Code::invalid_argument, "The request's method is not valid.");
  }
  std::string head = request.method + " " + url.target + " HTTP/1.1\r\nHost: " + url.host_header() + "\r\n";
  bool agent = false;
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name) || !is_value(value)) {
      return make_error(Code::invalid_argument, "A header of the request has a character that is not allowed.");
    }
    if (is_ours(name)) continue;
    agent = agent || same(name, "user-agent");
    head.append(name).append(": ").append(value).append("\r\n");
  }
  if (!agent) head += "User-Agent: LibreBird/1\r\n";
  const bool has_body = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (request.stream) {
    head += request.stream_length ? "Content-Length: " + std::to_string(*request.stream_length) + "\r\n"
                                  : std::string("Transfer-Encoding: chunked\r\n");
  } else if (has_body || !request.body.empty()) {
    head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  return head += "\r\n";
}

// "address:port" of the operator.
Result<ip::tcp::endpoint> parse_endpoint(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  boost::system::error_code failure = boost::asio::error::invalid_argument;
  ip::address address;
  std::uint16_t port = 0;
  if (colon != std::string::npos) {
    std::string host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    address = ip::make_address(host, failure);
    std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  }
  if (failure || port == 0) {
    return make_error(Code::invalid_argument, "connect_to needs address:port, not \"" + text + "\".");
  }
  return ip::tcp::endpoint(address, port);
}

// How far a request is from its total time.
struct Budget {
  SteadyTime end;
  Millis idle;
  [[nodiscard]] Millis left() const {
    return std::chrono::ceil<Millis>(std::max(end - steady_clock::now(), steady_clock::duration(0)));
  }
  [[nodiscard]] Millis next() const { return std::min(idle, left()); }
};

class ClientCore : public std::enable_shared_from_this<ClientCore> {
 public:
  ClientCore(Executor executor, Pool& pool, ClientOptions options)
      : executor_(executor),
        options_(std::move(options)),
        deadlines_(std::make_shared<Deadlines>(executor)),
        resolver_(executor, pool) {}

  static Task<Result<std::unique_ptr<HttpResponse>>> send(std::shared_ptr<ClientCore> self, HttpRequest request,
                                                          std::stop_token stop);
  static Task<Result<std::unique_ptr<ByteStream>>> tunnel(std::shared_ptr<ClientCore> self, HttpConnect target,
                                                          std::stop_token stop);
  void keep(const std::string& key, ConnectionPtr connection);
  void close_idle() {
    idle_.clear();
    idle_count_ = 0;
    closed_ = true;
  }

 private:
  ConnectionPtr take_idle(const std::string& key);
  void forget(const std::string& key, const ClientConnection* connection);
  Task<Result<ConnectionPtr>> connect(const Url& url, Reach reach, Millis limit, std::stop_token stop);
  Task<Result<std::vector<ip::tcp::endpoint>>> endpoints(const Url& url, Reach reach, Millis limit,
                                                         std::stop_token stop);

  Executor executor_;
  const ClientOptions options_;
  std::shared_ptr<Deadlines> deadlines_;
  Resolver resolver_;
  std::unique_ptr<TlsContext> tls_;
  std::map<std::string, std::vector<ConnectionPtr>> idle_;
  std::size_t idle_count_ = 0;
  bool closed_ = false;
  std::array<char, 64 * 1024> scratch_;
};

class Answer final : public HttpResponse {
 public:
  Answer(std::shared_ptr<ClientCore> core, std::string key, ConnectionPtr connection, bool head_request, Budget budget)
      : core_(std::move(core)),
        key_(std::move(key)),
        connection_(std::move(connection)),
        parser_(head_request),
        budget_(budget) {}

  [[nodiscard]] int status() const override { return parser_.status(); }
  [[nodiscard]] const HttpHeaders& headers() const override { return headers_; }

  // Reads until the head is there.
  Task<Status> read_head(std::stop_token stop) {
    while (!parser_.head_done()) LB_CO_CHECK(co_await more(stop));
    headers_ = std::move(parser_.headers());
    finish();
    co_return Ok{};
  }
  [[nodiscard]] bool started() const { return parser_.started(); }

  Task<Result<std::optional<std::string>>> read(std::stop_token stop) override {
    while (!parser_.has_body()) {
      if (parser_.done()) co_return std::nullopt;
      if (!connection_) co_return make_error(Code::unavailable, "The answer's connection is closed.");
      if (auto status = co_await more(stop); !status) {
        Error error = std::move(status).error();
        error.message = connection_->origin() + ": " + error.message + ".";
        connection_.reset();
        co_return error;
      }
    }
    finish();
    co_return parser_.take_body();
  }

 private:
  Task<Status> more(std::stop_token stop) {
    LB_CO_TRY(bytes, co_await connection_->read(stop, budget_.next()));
    co_return bytes.empty() ? parser_.end_of_input() : parser_.feed(bytes);
  }
  void finish() {
    if (!parser_.done() || !connection_) return;
    if (parser_.reusable() && connection_->open()) {
      core_->keep(key_, std::move(connection_));
    }
    connection_.reset();
  }

  std::shared_ptr<ClientCore> core_;
  const std::string key_;
  ConnectionPtr connection_;
  ResponseParser parser_;
  HttpHeaders headers_;
  Budget budget_;
};

// What went wrong while a body was streamed: the wire, whose peer may have answered early, or the body's source.
struct Streamed {
  Status wire = Ok{};
  Status source = Ok{};
};

Task<Streamed> write_stream(ClientConnection& wire, std::string_view head, HttpRequest& request, std::stop_token stop,
                            const Budget& budget) {
  const bool chunked = !request.stream_length.has_value();
  std::uint64_t left = request.stream_length.value_or(0);
  Streamed done;
  done.wire = co_await wire.write(head, {}, stop, budget.next());
  while (done.wire) {
    auto piece = co_await request.stream->next(stop);
    if (!piece) {
      done.source = std::move(piece).error();
      break;
    }
    if (!*piece) {
      if (chunked) done.wire = co_await wire.write("0\r\n\r\n", {}, stop, budget.next());
      if (!chunked && left != 0)
        done.source = make_error(Code::invalid_argument, "The body is shorter than announced.");
      break;
    }
    std::string& bytes = **piece;
    if (bytes.empty()) continue;
    if (!chunked && bytes.size() > left) {
      done.source = make_error(Code::invalid_argument, "The body is longer than announced.");
      break;
    }
    left -= chunked ? 0 : bytes.size();
    std::array<char, 20> size{};
    char* end = std::to_chars(size.data(), size.data() + 16, bytes.size(), 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    if (chunked) bytes += "\r\n";
    const std::string_view before(size.data(), chunked ? static_cast<std::size_t>(end - size.data()) : 0);
    done.wire = co_await wire.write(before, bytes, stop, budget.next());
  }
  co_return done;
}

Task<Result<std::unique_ptr<HttpResponse>>> ClientCore::send(std::shared_ptr<ClientCore> self, HttpRequest request,
                                                             std::stop_token stop) {
  LB_CO_TRY(url, parse_url(request.url));
  LB_CO_TRY(head, make_head(request, url));
  const Budget budget{.end = steady_clock::now() + request.total_timeout, .idle = request.idle_timeout};
  // A connection made without vetting must not serve a request that needs it.
  const std::string key = url.origin() + (request.reach == Reach::public_only ? " public" : "");
  const auto named = [&url](Error error) {
    error.message = url.origin() + ": " + error.message + ".";
    return error;
  };
  // What was streamed into a connection that turns out to be dead cannot be streamed again.
  for (bool may_reuse = !request.stream;; may_reuse = false) {
    if (stop.stop_requested()) co_return named(make_error(Code::cancelled, "the request was cancelled"));
    ConnectionPtr connection = may_reuse ? self->take_idle(key) : nullptr;
    const bool reused = connection != nullptr;
    if (!reused) {
      auto made = co_await self->connect(url, request.reach, std::min(request.connect_timeout, budget.left()), stop);
      if (!made) co_return named(std::move(made).error());
      connection = std::move(made).value();
    }
    ClientConnection& wire = *connection;
    auto answer = std::make_unique<Answer>(self, key, std::move(connection), request.method == "HEAD", budget);
    Status sent = Ok{};
    if (request.stream) {
      Streamed streamed = co_await write_stream(wire, head, request, stop, budget);
      if (!streamed.source) co_return std::move(streamed.source).error();
      sent = std::move(streamed.wire);
    } else {
      sent = co_await wire.write(head, request.body, stop, budget.next());
    }
    // A server may answer and close before it took the whole body: its answer counts, so look for one.
    const bool try_read = sent || sent.error().code == Code::unavailable;
    auto got = try_read ? co_await answer->read_head(stop) : Status(sent.error());
    if (got) co_return std::unique_ptr<HttpResponse>(std::move(answer));
    // The server had closed the resting connection; nothing of an answer came, so ask again on a new one.
    if (reused && !answer->started() && got.error().code == Code::unavailable) continue;
    co_return named(sent ? std::move(got).error() : std::move(sent).error());
  }
}

Task<Result<std::vector<ip::tcp::endpoint>>> ClientCore::endpoints(const Url& url, Reach reach, Millis limit,
                                                                   std::stop_token stop) {
  std::vector<ip::tcp::endpoint> found;
  if (const auto fixed = options_.connect_to.find(url.host); fixed != options_.connect_to.end()) {
    LB_CO_TRY(endpoint, parse_endpoint(fixed->second));
    found.push_back(endpoint);
    co_return found;
  }
  LB_CO_TRY(addresses, co_await resolver_.resolve(url.host, stop, limit));
  for (const ip::address& address : addresses) {
    // One private address among public ones is how names are rebound: refuse them all.
    if (reach == Reach::public_only && !is_public_address(address.to_string())) {
      co_return make_error(Code::permission_denied, "its address is not on the public internet");
    }
    found.emplace_back(address, url.port);
  }
  co_return found;
}

Task<Result<ConnectionPtr>> ClientCore::connect(const Url& url, Reach reach, Millis limit, std::stop_token stop) {
  const SteadyTime end = steady_clock::now() + limit;
  const auto left = [end] { return std::chrono::ceil<Millis>(end - steady_clock::now()); };
  LB_CO_TRY(found, co_await endpoints(url, reach, limit, stop));
  Error last = make_error(Code::unavailable, "its name has no address");
  for (std::size_t i = 0; i < found.size(); ++i) {
    // A dead address must not eat the time of those behind it.
    const Millis share = left() / static_cast<Millis::rep>(found.size() - i);
    auto connection = std::make_unique<ClientConnection>(*deadlines_, executor_, url.origin(), scratch_);
    auto connected = co_await connection->connect(found[i], stop, share);
    if (connected && url.tls) {
      if (!tls_) {
        LB_CO_TRY(made, TlsContext::make(options_.ca_file));
        tls_ = std::move(made);
      }
      connected = co_await connection->handshake(*tls_, url.host, stop, left());
    }
    if (connected) co_return connection;
    last = std::move(connected).error();
    if (last.code == Code::cancelled) break;
  }
  co_return last;
}

Task<Result<std::unique_ptr<ByteStream>>> ClientCore::tunnel(std::shared_ptr<ClientCore> self, HttpConnect target,
                                                             std::stop_token stop) {
  const bool bracket = target.host.find(':') != std::string::npos && !target.host.starts_with('[');
  const std::string host = bracket ? "[" + target.host + "]" : target.host;
  LB_CO_TRY(url, parse_url("http://" + host + ":" + std::to_string(target.port) + "/"));
  const SteadyTime end = steady_clock::now() + target.connect_timeout;
  const auto named = [&url](Error error) {
    error.message = url.host + ": " + error.message + ".";
    return error;
  };
  auto found = co_await self->endpoints(url, target.reach, target.connect_timeout, stop);
  if (!found) co_return named(std::move(found).error());
  Error last = make_error(Code::unavailable, "its name has no address");
  for (std::size_t i = 0; i < found->size(); ++i) {
    const auto left = std::chrono::ceil<Millis>(end - steady_clock::now());
    auto connection = std::make_unique<ClientConnection>(*self->deadlines_, self->executor_, url.host, self->scratch_);
    auto connected =
        co_await connection->connect((*found)[i], stop, left / static_cast<Millis::rep>(found->size() - i));
    if (connected) co_return make_byte_stream(connection->release());
    last = std::move(connected).error();
    if (last.code == Code::cancelled) break;
  }
  co_return named(std::move(last));
}

ConnectionPtr ClientCore::take_idle(const std::string& key) {
  const auto found = idle_.find(key);
  if (found == idle_.end()) return nullptr;
  ConnectionPtr taken;
  // The last one used is the likeliest to be alive.
  while (!taken && !found->second.empty()) {
    ConnectionPtr candidate = std::move(found->second.back());
    found->second.pop_back();
    --idle_count_;
    candidate->wake();
    if (candidate->fresh()) taken = std::move(candidate);
  }
  if (found->second.empty()) idle_.erase(found);
  return taken;
}

void ClientCore::keep(const std::string& key, ConnectionPtr connection) {
  if (closed_ || options_.idle_connections_per_origin == 0 || idle_count_ >= kIdleInAll) return;
  auto& list = idle_[key];
  if (list.size() >= options_.idle_connections_per_origin) return;
  ClientConnection* const raw = connection.get();
  raw->rest(options_.idle_connection_lifetime, [weak = weak_from_this(), key, raw] {
    if (const auto self = weak.lock()) self->forget(key, raw);
  });
  list.push_back(std::move(connection));
  ++idle_count_;
}

void ClientCore::forget(const std::string& key, const ClientConnection* connection) {
  const auto found = idle_.find(key);
  if (found == idle_.end()) return;
  idle_count_ -= std::erase_if(found->second, [&](const ConnectionPtr& each) { return each.get() == connection; });
  if (found->second.empty()) idle_.erase(found);
}

class Client final : public HttpClient {
 public:
  Client(Executor executor, Pool& pool, ClientOptions options)
      : core_(std::make_shared<ClientCore>(executor, pool, std::move(options))) {}
  ~Client() override { core_->close_idle(); }

  Task<Result<std::unique_ptr<HttpResponse>>> send(HttpRequest request, std::stop_token stop) override {
    return ClientCore::send(core_, std::move(request), std::move(stop));
  }
  Task<Result<std::unique_ptr<ByteStream>>> connect(HttpConnect target, std::stop_token stop) override {
    return ClientCore::tunnel(core_, std::move(target), std::move(stop));
  }

 private:
  std::shared_ptr<ClientCore> core_;
};

}  // namespace

std::unique_ptr<HttpClient> make_http_client(Loop& loop, Pool& resolver, ClientOptions options) {
  return std::make_unique<Client>(loop.executor(), resolver, std::move(options));
}

}  // namespace librebird::net
