#include "load.hpp"
#include "websocket.hpp"

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

namespace librebird::bench {

namespace {

// Waits for one frame of the given type, blocking; for the modes that measure one connection at a time.
std::string wait_frame(WebSocket& socket, std::string_view type, Nanos limit = 30'000'000'000) {
  const Nanos deadline = now() + limit;
  std::string wanted = R"("type":")";
  // A type that ends in a dot is a family.
  wanted.append(type).append(type.ends_with(".") ? "" : "\"");
  while (now() < deadline) {
    while (const auto frame = socket.text()) {
      if (frame->find(wanted) != frame->npos) return std::string(*frame);
      if (frame->find(R"("type":"error")") != frame->npos) die(std::string(*frame));
    }
    pollfd wait{socket.fd(), POLLIN, 0};
    poll(&wait, 1, 1000);
    if (!socket.advance()) die("the connection ended: " + socket.problem());
  }
  die("no " + std::string(type) + " came");
}

std::unique_ptr<WebSocket> open_socket(const Target& target) {
  auto socket = std::make_unique<WebSocket>(target.address, target.key);
  wait_frame(*socket, "hello");
  return socket;
}

// The times that bench-model wrote into a delta's text.
void stamps(std::string_view frame, std::vector<Nanos>& delays) {
  const Nanos arrived = now();
  const std::string text = json_string(frame, "text");
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find(' ', at);
    if (end == std::string::npos) break;
    if (const Nanos sent = std::atoll(text.c_str() + at); sent > 0) delays.push_back(arrived - sent);
    at = end + 1;
  }
}

}  // namespace

int load_idle(const Target& target, int count) {
  std::vector<std::unique_ptr<WebSocket>> sockets;
  for (int i = 0; i < count; ++i) {
    if (i % 64 == 0) std::fflush(stdout);
    sockets.push_back(open_socket(target));
  }
  std::printf("{\"open\":%d}\n", count);
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  // Still there? Every one must answer.
  int answered = 0;
  for (const auto& socket : sockets) socket->send(R"({"type":"ping","id":"1"})");
  for (const auto& socket : sockets) answered += wait_frame(*socket, "pong").empty() ? 0 : 1;
  std::printf("{\"answered\":%d}\n", answered);
  return 0;
}

int load_streams(const Target& target, int clients) {
  struct Listener {
    std::unique_ptr<WebSocket> socket;
    std::string conversation;
    bool streaming = false;
  };
  std::vector<Listener> listeners;
  for (int i = 0; i < clients; ++i) {
    Listener listener{open_socket(target), create_conversation(target)};
    listener.socket->send(subscribe_frame(listener.conversation));
    wait_frame(*listener.socket, "subscribed");
    listeners.push_back(std::move(listener));
  }
  Poller poller;
  for (auto& listener : listeners) poller.add(listener.socket->fd(), &listener);
  for (auto& listener : listeners) listener.socket->send(send_frame(listener.conversation, "stream"));

  // A thousand turns that begin at once are a load of their own: the words until the last has begun count apart.
  std::vector<Nanos> starting, delays;
  int streaming = 0, finished = 0, errors = 0;
  const Nanos began = now();
  while (finished < clients && now() - began < 120'000'000'000) {
    poller.wait(100'000'000, [&](void* owner, std::uint32_t) {
      auto& listener = *static_cast<Listener*>(owner);
      WebSocket& socket = *listener.socket;
      if (!socket.advance()) die("a connection ended: " + socket.problem());
      while (const auto frame = socket.text()) {
        const std::string type = json_string(*frame, "type");
        if (type == "turn.delta") {
          streaming += std::exchange(listener.streaming, true) ? 0 : 1;
          stamps(*frame, streaming < clients ? starting : delays);
        }
        if (type == "turn.finished") {
          ++finished;
          errors += frame->find(R"("status":"done")") == frame->npos ? 1 : 0;
        }
        if (type == "error") {
          if (errors++ == 0) std::fprintf(stderr, "bench: %s\n", std::string(*frame).c_str());
          ++finished;
        }
      }
    });
  }
  std::printf(R"({"clients":%d,"finished":%d,"errors":%d,"seconds":%.1f,"token_delay":%s,"while_starting":%s})"
              "\n",
              clients, finished, errors, static_cast<double>(now() - began) / 1e9, to_json(summarise(delays)).c_str(),
              to_json(summarise(starting)).c_str());
  return 0;
}

int load_resume(const Target& target, int times) {
  std::vector<Nanos> latencies;
  int lost = 0;
  for (int i = 0; i < times; ++i) {
    const std::string conversation = create_conversation(target);
    auto socket = open_socket(target);
    socket->send(subscribe_frame(conversation));
    wait_frame(*socket, "subscribed");
    socket->send(send_frame(conversation, "stream"));
    std::string frame;
    std::int64_t seq = 0;
    while (seq < 5) {
      frame = wait_frame(*socket, "turn.delta");
      seq = json_number(frame, "seq");
    }
    const std::string cursor = R"({"turn_id":")" + json_string(frame, "turn_id") + R"(","attempt":)" +
                               std::to_string(json_number(frame, "attempt")) + R"(,"seq":)" + std::to_string(seq) + "}";
    socket.reset();

    const Nanos began = now();
    socket = open_socket(target);
    socket->send(subscribe_frame(conversation, cursor));
    frame = wait_frame(*socket, "subscribed");
    latencies.push_back(now() - began);
    // Every later event exactly once, until the end.
    while (true) {
      frame = wait_frame(*socket, "turn.");
      if (json_number(frame, "seq") != seq + 1) ++lost;
      seq = json_number(frame, "seq");
      if (json_string(frame, "type") == "turn.finished") break;
    }
  }
  std::printf(R"({"times":%d,"latency":%s,"out_of_sequence":%d})"
              "\n",
              times, to_json(summarise(latencies)).c_str(), lost);
  return 0;
}

}  // namespace librebird::bench
