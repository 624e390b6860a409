// bench-model: a model server that answers the same thing, very fast.
//
//   bench-model [--port 0] [--chunks 20] [--delay-us 0]
//
// POST /v1/chat/completions streams `chunks` deltas: in one write, or one every `delay-us`. With a delay each delta is
// the monotonic time at which it was sent ("<nanoseconds> "), so that a client on this machine can tell how long it
// took. If the newest user message begins with `tool:` and no tool has answered yet, the answer is a call of the tool
// `calculator`. GET /v1/models lists one model. Single thread, epoll, keep-alive.

#include "endpoint.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <queue>
#include <unordered_map>

namespace librebird::bench {
namespace {

constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string http_chunk(std::string_view data) {
  std::array<char, 20> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", data.size());
  return std::string(size.data()).append(data).append("\r\n");
}

std::string event(std::string_view delta, std::string_view finish = "null") {
  std::string text = R"(data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,)"
                     R"("model":"bench","choices":[{"index":0,"delta":)";
  return text.append(delta).append(R"(,"finish_reason":)").append(finish).append("}]}\n\n");
}

std::string with_length(std::string_view body) {
  return std::string("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\n\r\n")
      .append(body);
}

struct Answers {
  std::string stream, tool_stream, whole, tool_whole, models, not_found;
  std::string first = http_chunk(event(R"({"role":"assistant","content":""})"));
  std::string last = http_chunk(event("{}", R"("stop")") + "data: [DONE]\n\n") + "0\r\n\r\n";

  explicit Answers(int chunks) {
    std::string events = event(R"({"role":"assistant","content":""})");
    std::string text;
    for (int i = 0; i < chunks; ++i) {
      events += event(R"({"content":"word "})");
      text += "word ";
    }
    events += event("{}", R"("stop")") + "data: [DONE]\n\n";
    stream = std::string(kStreamHead) + http_chunk(events) + "0\r\n\r\n";

    const std::string function = R"("type":"function","function":{"name":"calculator","arguments":)"
                                 R"("{\"expression\":\"17.5/100*2340\"}"}}])";
    const std::string call = R"([{"index":0,"id":"call_bench",)" + function;
    events = event(R"({"role":"assistant","content":null,"tool_calls":)" + call + "}") +
             event("{}", R"("tool_calls")") + "data: [DONE]\n\n";
    tool_stream = std::string(kStreamHead) + http_chunk(events) + "0\r\n\r\n";

    const auto completion = [](const std::string& message, const std::string& finish) {
      return with_length(R"({"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"bench",)"
                         R"("choices":[{"index":0,"message":)" +
                         message + R"(,"finish_reason":")" + finish +
                         R"("}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}})");
    };
    whole = completion(R"({"role":"assistant","content":")" + text + "\"}", "stop");
    tool_whole = completion(R"({"role":"assistant","content":null,"tool_calls":[{"id":"call_bench",)" + function + "}",
                            "tool_calls");
    models = with_length(R"({"object":"list","data":[{"id":"bench","object":"model","owned_by":"bench"}]})");
    not_found = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  }
};

struct Client {
  Stream stream;
  std::uint64_t id;
  int chunks_left = 0;  // of the answer being streamed with a delay

  Client(int fd, std::uint64_t number) : stream(fd), id(number) {}
};

class Server {
 public:
  Server(int listener, int chunks, Nanos delay)
      : listener_(listener), chunks_(chunks), delay_(delay), answers_(chunks) {
    poller_.add(listener_, nullptr);
  }

  [[noreturn]] void run() {
    while (true) {
      Nanos wait = -1;
      if (!due_.empty()) wait = std::max<Nanos>(0, due_.top().first - now());
      poller_.wait(wait, [this](void* owner, std::uint32_t) {
        if (owner == nullptr) {
          accept_all();
        } else {
          serve(*static_cast<Client*>(owner));
        }
      });
      while (!due_.empty() && due_.top().first <= now()) {
        const auto [at, id] = due_.top();
        due_.pop();
        if (const auto found = clients_.find(id); found != clients_.end()) next_chunk(*found->second, at);
      }
    }
  }

 private:
  void accept_all() {
    while (true) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      auto client = std::make_unique<Client>(fd, ++last_id_);
      poller_.add(fd, client.get());
      clients_.emplace(client->id, std::move(client));
    }
  }

  void drop(Client& client) {
    poller_.remove(client.stream.fd());
    clients_.erase(client.id);
  }

  void serve(Client& client) {
    if (!client.stream.receive()) return drop(client);
    while (client.chunks_left == 0 && take_request(client)) {
    }
    write(client);
  }

  void write(Client& client) {
    const bool was_pending = client.stream.pending();
    if (!client.stream.flush()) return drop(client);
    if (was_pending) poller_.change(client.stream.fd(), &client, client.stream.pending());
  }

  bool take_request(Client& client) {
    std::string& in = client.stream.in;
    const auto head = in.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    std::size_t length = 0;
    for (std::size_t line = in.find("\r\n"); line < head; line = in.find("\r\n", line + 2)) {
      if (strncasecmp(in.c_str() + line + 2, "content-length:", 15) == 0) {
        length = static_cast<std::size_t>(std::atoll(in.c_str() + line + 17));
      }
    }
    if (in.size() < head + 4 + length) return false;
    answer(client, std::string_view(in).substr(0, head), std::string_view(in).substr(head + 4, length));
    in.erase(0, head + 4 + length);
    return true;
  }

  void answer(Client& client, std::string_view head, std::string_view body) {
    std::string& out = client.stream.out;
    if (head.starts_with("GET /v1/models")) {
      out += answers_.models;
    } else if (!head.starts_with("POST /v1/chat/completions")) {
      out += answers_.not_found;
    } else {
      const auto asked = body.rfind("\"tool:");
      const bool tool = asked != body.npos && body.find(R"("role":"tool")", asked) == body.npos &&
                        body.find(R"("tool_call_id")", asked) == body.npos;
      const bool stream = body.find(R"("stream":true)") != body.npos;
      if (tool) {
        out += stream ? answers_.tool_stream : answers_.tool_whole;
      } else if (!stream) {
        out += answers_.whole;
      } else if (delay_ == 0) {
        out += answers_.stream;
      } else {
        out.append(kStreamHead).append(answers_.first);
        client.chunks_left = chunks_;
        due_.emplace(now() + delay_, client.id);
      }
    }
  }

  void next_chunk(Client& client, Nanos at) {
    if (client.chunks_left == 0) return;
    client.stream.out += http_chunk(event(R"({"content":")" + std::to_string(now()) + " \"}"));
    if (--client.chunks_left == 0) {
      client.stream.out += answers_.last;
    } else {
      due_.emplace(at + delay_, client.id);
    }
    const std::uint64_t id = client.id;
    const bool finished = client.chunks_left == 0;
    if (!client.stream.flush()) return drop(client);
    if (client.stream.pending()) poller_.change(client.stream.fd(), &client, true);
    if (finished && clients_.contains(id)) serve(client);
  }

  int listener_;
  int chunks_;
  Nanos delay_;
  Answers answers_;
  Poller poller_;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Client>> clients_;
  using Due = std::pair<Nanos, std::uint64_t>;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
};

}  // namespace
}  // namespace librebird::bench

int main(int argc, char** argv) {
  using namespace librebird::bench;
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);
  int port = static_cast<int>(option(argc, argv, "--port", std::int64_t{0}));
  const int listener = listen_loopback(port);
  std::printf("Listening on http://127.0.0.1:%d\n", port);
  std::fflush(stdout);
  Server(listener, static_cast<int>(option(argc, argv, "--chunks", std::int64_t{20})),
         option(argc, argv, "--delay-us", std::int64_t{0}) * 1000)
      .run();
}
