#include "tunnel.hpp"

#include "exchange.hpp"

#include <chrono>

namespace librebird::egress {
namespace {

constexpr Millis kAnswerTime{5'000};
constexpr Millis kForever{std::chrono::hours(24 * 30)};  // the tunnel's own deadline counts

struct Flow {
  Wire& wire;
  ByteStream& outside;
  std::shared_ptr<Binding> binding;
  Tunnel& tunnel;
  std::uint64_t up = 0;
  std::uint64_t down = 0;
  std::string reason;

  void alive() { tunnel.until = std::chrono::steady_clock::now() + 4 * binding->limits().idle_timeout; }
  void stop(std::string why) {
    if (reason.empty()) reason = std::move(why);
    wire.close();
    outside.close();
  }
};

Task<void> upwards(Flow& flow, std::string first) {
  std::string piece = std::move(first);
  for (;;) {
    if (!piece.empty()) {
      flow.alive();
      flow.up += piece.size();
      if (auto within = flow.binding->count_up(piece.size()); !within) co_return flow.stop(within.error().message);
      if (!co_await flow.outside.write(std::exchange(piece, {}))) co_return flow.stop({});
    }
    auto more = co_await flow.wire.read(piece, kForever);
    if (!more) co_return flow.stop({});
    if (!*more) {
      flow.outside.end_sending();
      co_return;
    }
  }
}

Task<void> downwards(Flow& flow) {
  for (;;) {
    auto piece = co_await flow.outside.read();
    if (!piece) co_return flow.stop({});
    if (!*piece) {
      flow.wire.end_sending();
      co_return;
    }
    flow.alive();
    flow.down += (*piece)->size();
    if (auto within = flow.binding->count_down((*piece)->size()); !within) co_return flow.stop(within.error().message);
    if (!co_await flow.wire.write(**piece, 4 * flow.binding->limits().idle_timeout)) co_return flow.stop({});
  }
}

}  // namespace

Task<void> tunnel(Wire& wire, std::string& received, CallState& state, std::shared_ptr<Binding> binding, Target target,
                  std::stop_token stop) {
  EgressEvent event{"CONNECT", target.host, target.port, {}, 0, 0, 0, EgressDecision::tunnelled, {}};
  std::unique_ptr<ByteStream> outside;
  auto ready = co_await binding->admit(stop);
  if (ready) {
    auto made =
        co_await state.http.connect({.host = target.host, .port = target.port, .reach = binding->reach()}, stop);
    if (made) {
      outside = std::move(made).value();
    } else {
      ready = std::move(made).error();
    }
  }
  if (!ready) {
    event.decision = decision_of(ready.error());
    event.reason = ready.error().message;
    binding->note(std::move(event));
    (void)co_await wire.write(refusal_text(ready.error(), false, true), kAnswerTime);
    co_return;
  }
  Tunnel ends{&wire, outside.get(), {}};
  Flow flow{wire, *outside, binding, ends, 0, 0, {}};
  flow.alive();
  state.tunnels.insert(&ends);
  if (co_await wire.write("HTTP/1.1 200 Connection established\r\n\r\n", kAnswerTime)) {
    Scope scope(co_await boost::asio::this_coro::executor);
    scope.spawn(upwards(flow, std::exchange(received, {})), "egress tunnel");
    co_await downwards(flow);
    co_await scope.join();
  }
  state.tunnels.erase(&ends);
  event.status = 200;
  event.bytes_up = flow.up;
  event.bytes_down = flow.down;
  if (!flow.reason.empty()) {
    event.decision = EgressDecision::denied;
    event.reason = flow.reason;
  }
  binding->note(std::move(event));
}

}  // namespace librebird::egress
