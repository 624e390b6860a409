#include "load.hpp"

#include <cstdio>
#include <memory>

namespace librebird::bench {

namespace {

struct Caller {
  Stream stream;
  Nanos sent = 0;

  explicit Caller(int fd) : stream(fd) {}
};

std::string model_request(const Address& address) {
  const std::string body =
      R"({"model":"bench","stream":true,"messages":[{"role":"system","content":"You are helpful."},)"
      R"({"role":"user","content":"hello"}]})";
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: " + address.host + "\r\nContent-Type: application/json\r\n" +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

int load_direct(const Target& target, int clients, Nanos duration) {
  const std::string request = model_request(target.address);
  Poller poller;
  std::vector<std::unique_ptr<Caller>> callers;
  std::vector<Nanos> latencies;
  for (int i = 0; i < clients; ++i) {
    const int fd = connect_loopback(target.address);
    if (fd < 0) die("nothing listens there");
    callers.push_back(std::make_unique<Caller>(fd));
    poller.add(fd, callers.back().get());
  }
  const auto ask = [&](Caller& caller) {
    caller.stream.out = request;
    caller.sent = now();
    if (!caller.stream.flush()) die("the model server closed a connection");
  };
  const Nanos began = now();
  for (const auto& caller : callers) ask(*caller);
  while (now() - began < duration) {
    poller.wait(100'000'000, [&](void* owner, std::uint32_t) {
      Caller& caller = *static_cast<Caller*>(owner);
      if (!caller.stream.receive()) die("the model server closed a connection");
      if (!caller.stream.in.ends_with("\r\n0\r\n\r\n")) return;
      caller.stream.in.clear();
      latencies.push_back(now() - caller.sent);
      ask(caller);
    });
  }
  const double seconds = static_cast<double>(now() - began) / 1e9;
  std::printf(R"({"clients":%d,"answers_per_second":%.0f,"latency":%s})"
              "\n",
              clients, static_cast<double>(latencies.size()) / seconds, to_json(summarise(latencies)).c_str());
  return 0;
}

}  // namespace librebird::bench
