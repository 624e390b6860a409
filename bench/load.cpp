// bench-load: clients of docs/protocol.md, as many as wanted, on one thread.
//
//   bench-load MODE --address HOST:PORT [--key lb_…] [--clients N] [--seconds S] [--message TEXT]
//
//   direct   requests to a model server itself: its own ceiling and latency
//   turns    each client sends, waits for turn.finished, sends again; a message `tool:…` makes the model call a tool
//   idle     opens N sockets, prints a line, holds them until standard input ends
//   streams  N clients, one streamed answer each whose words are the times they were sent (bench-model --delay-us)
//   resume   drops the socket in the middle of an answer, comes back with a cursor; --times N

#include "load.hpp"

#include <unistd.h>
#include <csignal>
#include <cstdio>

namespace librebird::bench {

std::string unique_id() {
  static std::uint64_t count = 0;
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "bench-%d-%llx-%llu", getpid(), static_cast<unsigned long long>(now()),
                static_cast<unsigned long long>(++count));
  return text.data();
}

std::string create_conversation(const Target& target) {
  const HttpReply reply = http_request(target.address, "POST", "/api/v1/conversations", target.key, "{}");
  std::string id = json_string(reply.body, "id");
  if (reply.status != 201 || id.empty()) {
    die("no conversation: " + std::to_string(reply.status) + " " + reply.body.substr(0, 300));
  }
  return id;
}

std::string subscribe_frame(const std::string& conversation, const std::string& cursor) {
  return R"({"type":"subscribe","id":"subscribe","conversation_id":")" + conversation + "\"" +
         (cursor.empty() ? "" : R"(,"cursor":)" + cursor) + "}";
}

std::string send_frame(const std::string& conversation, const std::string& content) {
  return R"({"type":"send","id":"send","conversation_id":")" + conversation + R"(","content":")" + content +
         R"(","client_message_id":")" + unique_id() + "\"}";
}

}  // namespace librebird::bench

int main(int argc, char** argv) {
  using namespace librebird::bench;
  if (argc < 2) die("the first argument is a mode: direct, turns, idle, streams or resume");
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);
  const std::string mode = argv[1];
  const Target target{parse_address(option(argc, argv, "--address", std::string())),
                      option(argc, argv, "--key", std::string())};
  const int clients = static_cast<int>(option(argc, argv, "--clients", std::int64_t{1}));
  const Nanos duration = option(argc, argv, "--seconds", std::int64_t{5}) * 1'000'000'000;
  if (mode == "direct") return load_direct(target, clients, duration);
  if (mode == "turns")
    return load_turns(target, clients, duration, option(argc, argv, "--message", std::string("hello")));
  if (mode == "idle") return load_idle(target, clients);
  if (mode == "streams") return load_streams(target, clients);
  if (mode == "resume") {
    return load_resume(target, static_cast<int>(option(argc, argv, "--times", std::int64_t{20})));
  }
  die("there is no mode " + mode);
}
