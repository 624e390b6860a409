#include "session.hpp"

#include "ascii.hpp"
#include "exchange.hpp"
#include "tunnel.hpp"

#include <fmt/format.h>

namespace librebird::egress {
namespace {

constexpr Millis kHandshakeTime{10'000};
constexpr Millis kRestTime{60'000};  // between two requests
constexpr Millis kEndTime{1'000};

Error bad(std::string message) { return make_error(Code::invalid_argument, std::move(message)); }

class Session {
 public:
  Session(Wire& wire, CallState& state, std::stop_token stop) : wire_(wire), state_(state), stop_(std::move(stop)) {}

  // One request and its answer; false when the connection ends.
  Task<bool> exchange() {
    std::string text;
    auto got = co_await read_head(text);
    if (!got) co_return co_await refuse("?", {}, got.error());
    if (!*got) co_return false;
    auto head = parse_request_head(text);
    if (!head) co_return co_await refuse("?", {}, head.error());
    if (!state_.binding) {
      co_return co_await refuse(head->method, {},
                                make_error(Code::permission_denied, "No call runs here yet, so nothing may leave."));
    }
    if (head->method == "CONNECT") co_return co_await connect(*head);
    auto target = target_of(*head);
    Exchange exchange(wire_, received_, state_.http, state_.binding, stop_);
    if (!target) {
      Target unknown = inside_.value_or(Target{});
      co_return co_await exchange.refuse(*head, unknown, std::move(target).error());
    }
    // Our own kits name what they want and no Host; redirects are followed for them.
    const bool follows = !inside_ && (target->tls || !head->host);
    if (follows) co_return co_await exchange.fetch(std::move(*head), std::move(*target));
    co_return co_await exchange.pass(std::move(*head), std::move(*target));
  }

 private:
  [[nodiscard]] Millis head_time() const {
    return std::min(kHandshakeTime, (state_.binding ? state_.binding->limits() : FenceLimits{}).idle_timeout);
  }

  // False at the end of input.
  Task<Result<bool>> read_head(std::string& head) {
    const std::size_t limit = state_.binding ? state_.binding->limits().head_bytes : FenceLimits{}.head_bytes;
    std::size_t looked = 0;
    for (;;) {
      // Empty lines before a request are passed over (RFC 9112, section 2.2).
      while (looked == 0 && received_.starts_with("\r\n")) received_.erase(0, 2);
      if (const std::size_t end = received_.find("\r\n\r\n", looked); end != std::string::npos) {
        if (end + 4 > limit) break;
        head = received_.substr(0, end + 4);
        received_.erase(0, end + 4);
        co_return true;
      }
      if (received_.size() > limit) break;
      if (!inside_ && received_.starts_with('\x16')) {
        co_return bad("This is a proxy: ask it with CONNECT before you speak TLS.");
      }
      looked = received_.size() < 3 ? 0 : received_.size() - 3;
      auto more = co_await wire_.read(received_, received_.empty() ? kRestTime : head_time());
      if (!more || !*more) co_return false;
    }
    co_return make_error(Code::too_large, fmt::format("The request's head is over {} bytes.", limit));
  }

  static Status check_host(const std::string& host, const Target& target, const char* what) {
    LB_TRY(named, parse_authority(host, target.tls ? 443 : 80));
    if (named.host == target.host && named.port == target.port) return Ok{};
    return bad(
        fmt::format("The request's Host is {}, but its {} is for {}.", printable(host, 100), what, target.authority()));
  }

  Result<Target> target_of(const RequestHead& head) const {
    if (!inside_) {
      if (head.target.starts_with('/') || head.target == "*") {
        return bad("This is a proxy: ask it for an absolute address, for example http://host/path.");
      }
      LB_TRY(target, parse_target(head.target));
      if (head.host) LB_CHECK(check_host(*head.host, target, "address"));
      return target;
    }
    // In a connection that was asked for one host, every request is for that host.
    if (!head.host) return bad("The request has no Host field.");
    Target target = *inside_;
    LB_CHECK(check_host(*head.host, target, "connection"));
    std::string path = head.target == "*" ? "/" : head.target;
    if (!path.starts_with('/')) return bad("In a connection made with CONNECT, a request names a path only.");
    return parse_target((target.tls ? "https://" : "http://") + target.authority() + path);
  }

  Task<bool> connect(const RequestHead& head) {
    if (inside_) co_return co_await refuse(head.method, *inside_, bad("A CONNECT inside a CONNECT is not allowed."));
    auto target = parse_authority(head.target, std::nullopt);
    if (!target) co_return co_await refuse(head.method, {}, target.error());
    if (head.body != RequestHead::Body::none)
      co_return co_await refuse(head.method, *target, bad("CONNECT has no body."));
    // Some programs name the proxy here, which is of no use to anybody.
    if (head.host && !head.host->starts_with("127.0.0.1") && !head.host->starts_with("localhost")) {
      const auto named = check_host(*head.host, *target, "CONNECT");
      if (!named) co_return co_await refuse(head.method, *target, named.error());
    }
    const std::shared_ptr<Binding> binding = state_.binding;
    const auto match = binding->hosts().check_connect(target->host, target->port);
    if (!match) co_return co_await refuse(head.method, *target, match.error());
    if (*match == HostList::Match::tunnel) {
      co_await tunnel(wire_, received_, state_, binding, std::move(*target), stop_);
      co_return false;
    }
    if (!co_await wire_.write("HTTP/1.1 200 Connection established\r\n\r\n", kHandshakeTime)) co_return false;
    co_return co_await enter(std::move(*target), *binding);
  }

  // What the program begins to speak decides: TLS, which ends here, or plain HTTP.
  Task<bool> enter(Target target, Binding& binding) {
    const auto first = received_.empty() ? co_await wire_.peek(head_time()) : std::optional<char>(received_[0]);
    if (!first) co_return false;
    if (*first >= 'A' && *first <= 'Z') {
      target.tls = false;
      inside_ = std::move(target);
      co_return true;
    }
    peer_.host = target.host;
    Status entered = make_error(Code::failed_precondition,
                                "The program speaks neither TLS nor HTTP; that passes only to a host marked tunnel:.");
    if (*first == '\x16') {
      auto ssl = state_.tls.session(*state_.authority, peer_);
      const std::string begun = std::exchange(received_, {});
      entered = ssl ? co_await wire_.accept_tls(*ssl, begun, head_time()) : Status(ssl.error());
    }
    if (entered) {
      inside_ = std::move(target);
      co_return true;
    }
    const bool ours = !peer_.refusal.empty() || entered.error().code == Code::failed_precondition;
    binding.note({"CONNECT",
                  target.host,
                  target.port,
                  {},
                  0,
                  0,
                  0,
                  ours ? EgressDecision::denied : EgressDecision::failed,
                  peer_.refusal.empty() ? entered.error().message : peer_.refusal});
    co_return false;
  }

  Task<bool> refuse(std::string method, Target target, Error error) {
    if (state_.binding) {
      state_.binding->note({std::move(method), target.host.empty() ? "?" : target.host, target.port, target.path, 0, 0,
                            0, decision_of(error), error.message});
    }
    (void)co_await wire_.write(refusal_text(error, false, true), kEndTime);
    // What the program may still be sending is read for a moment, so that it sees the answer and no reset.
    wire_.end_sending();
    std::string rest;
    for (std::size_t taken = 0; taken < 64 * 1024; taken += rest.size()) {
      rest.clear();
      auto more = co_await wire_.read(rest, kEndTime);
      if (!more || !*more) break;
    }
    co_return false;
  }

  Wire& wire_;
  CallState& state_;
  std::stop_token stop_;
  std::string received_;
  std::optional<Target> inside_;  // of a CONNECT
  TlsServer::Peer peer_;
};

}  // namespace

Task<void> serve(Socket socket, CallState& state, std::stop_token stop) {
  Wire wire(std::move(socket));
  state.wires.insert(&wire);
  Session session(wire, state, stop);
  while (!stop.stop_requested() && co_await session.exchange()) {
  }
  if (!stop.stop_requested()) co_await wire.end(kEndTime);
  state.wires.erase(&wire);
}

}  // namespace librebird::egress
