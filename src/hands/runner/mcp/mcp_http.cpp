#include "mcp_http.hpp"

#include "fence_exchange.hpp"
#include "mcp_lines.hpp"
#include "mcp_translator.hpp"

#include <boost/json.hpp>

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <deque>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace librebird::runner {
namespace json = boost::json;
namespace {

constexpr const char* kFence = "/run/egress/fence.sock";
constexpr std::size_t kMaxExchanges = 8;  // at once
constexpr std::size_t kMaxWaiting = 1000;
constexpr std::size_t kShown = 500;
constexpr int kFarewellMs = 2'000;
// Of an event stream that ends before its answer has come, and says where to go on.
constexpr int kMaxResumptions = 100;
constexpr std::int64_t kUsualRetryMs = 1'000;
constexpr std::int64_t kLongestRetryMs = 60'000;

using Steady = std::chrono::steady_clock;

// What may stand in a header's value.
bool is_visible(std::string_view text, std::size_t limit) {
  return text.size() <= limit && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

json::value parse(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 128;
  json::value value = json::parse({text.data(), text.size()}, error, {}, options);
  return error ? json::value() : value;
}

std::string_view text_at(const json::value& value, std::string_view key) {
  const json::object* object = value.if_object();
  const json::value* found = object != nullptr ? object->if_contains(key) : nullptr;
  return found != nullptr && found->is_string() ? std::string_view(found->get_string()) : std::string_view();
}

const json::value* member(const json::value& value, std::string_view key) {
  const json::object* object = value.if_object();
  return object != nullptr ? object->if_contains(key) : nullptr;
}

class HttpAdapter {
 public:
  HttpAdapter(std::string url, std::string socket) : url_(std::move(url)), socket_(std::move(socket)) {}

  int run() {
    while (!input_ended_ || translator_.busy()) {
      if (!round()) return 3;
      if (const int code = translator_.broken(); code != 0) {
        (void)flush();
        return end(code);
      }
    }
    return flush() ? end(0) : 3;
  }

 private:
  struct Message {
    std::string line;
    std::string method;  // empty: an answer of ours
    json::value id;      // null: it expects no answer
  };
  struct Running {
    Message message;
    std::unique_ptr<HttpExchange> exchange;  // null: it goes on at `resume_at`
    bool answered = false;
    int resumptions = 0;
    std::string last_id;
    Steady::time_point resume_at;
  };

  // Waits, reads, writes. False when the host is gone.
  bool round() {
    take_messages();
    send_waiting();
    if (!flush()) return false;
    if (translator_.broken() != 0 || (input_ended_ && !translator_.busy())) return true;
    std::vector<pollfd> watched{{input_ended_ ? -1 : STDIN_FILENO, POLLIN, 0}};
    for (const Running& running : running_) {
      watched.push_back(running.exchange ? running.exchange->watched() : pollfd{-1, 0, 0});
    }
    if (poll(watched.data(), watched.size(), patience()) < 0) return errno == EINTR;
    for (std::size_t i = 0; i < running_.size(); ++i) {
      if (running_[i].exchange) running_[i].exchange->advance(watched[i + 1].revents);
    }
    hear();
    if (watched[0].revents != 0) read_host();
    return true;
  }

  // Milliseconds until a stream is asked for again; -1: none is.
  [[nodiscard]] int patience() const {
    std::int64_t least = -1;
    for (const Running& running : running_) {
      if (running.exchange) continue;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(running.resume_at - Steady::now()).count();
      least = least < 0 ? std::max<std::int64_t>(0, left) : std::clamp<std::int64_t>(left, 0, least);
    }
    return static_cast<int>(least);
  }

  bool flush() {
    write_all(STDERR_FILENO, translator_.take_log());
    return write_all(STDOUT_FILENO, translator_.take_for_host());
  }

  void read_host() {
    const auto use = [this](std::string_view line) { translator_.from_host(line); };
    if (!host_lines_.read_from(STDIN_FILENO, use)) input_ended_ = true;
    if (begun_ || !translator_.busy()) return;
    begun_ = true;
    constexpr std::string_view kToken = "access_token=";
    for (const std::string& setting : translator_.environment()) {
      if (setting.starts_with(kToken)) token_ = setting.substr(kToken.size());
    }
    if (!is_visible(token_, 16 * 1024)) {
      return translator_.server_failed("The setting access_token holds characters that no access token has.");
    }
    translator_.begin();
  }

  void take_messages() {
    const std::string lines = translator_.take_for_server();
    for (std::string_view rest = lines; !rest.empty();) {
      const std::size_t line_end = rest.find('\n');
      const std::string_view line = rest.substr(0, line_end);
      rest.remove_prefix(line_end + 1);
      const json::value value = parse(line);
      const json::value* id = member(value, "id");
      Message message{std::string(line), std::string(text_at(value, "method")), {}};
      if (!message.method.empty() && id != nullptr) message.id = *id;
      waiting_.push_back(std::move(message));
    }
    if (waiting_.size() > kMaxWaiting) {
      waiting_.clear();
      translator_.server_failed("The MCP server asks for more than it takes.");
    }
  }

  // In order, one after the other; only beside a tool's call, which may take long, the next goes out at once.
  void send_waiting() {
    const auto is_call = [](const Running& running) { return running.message.method == "tools/call"; };
    while (!waiting_.empty() && running_.size() < kMaxExchanges && std::ranges::all_of(running_, is_call)) {
      Running next;
      next.message = std::move(waiting_.front());
      waiting_.pop_front();
      next.exchange = std::make_unique<HttpExchange>(socket_, request("POST", next.message.line));
      running_.push_back(std::move(next));
      hear();  // of a connection that could not be made
    }
  }

  [[nodiscard]] std::string request(std::string_view method, std::string_view body,
                                    std::string_view last_id = {}) const {
    std::string text;
    const auto add = [&text](std::initializer_list<std::string_view> parts) {
      for (const std::string_view part : parts) text += part;
      text += "\r\n";
    };
    add({method, " ", url_, " HTTP/1.1"});
    add({"Accept: ", method == "GET" ? "text/event-stream" : "application/json, text/event-stream"});
    if (!last_id.empty()) add({"Last-Event-ID: ", last_id});
    add({"Connection: close"});
    if (!body.empty()) add({"Content-Type: application/json"});
    add({"Content-Length: ", std::to_string(body.size())});
    if (!token_.empty()) add({"Authorization: Bearer ", token_});
    if (!session_.empty()) add({"Mcp-Session-Id: ", session_});
    if (!version_.empty()) add({"MCP-Protocol-Version: ", version_});
    add({});
    return text.append(body);
  }

  // What has come, and what has come to its end.
  void hear() {
    std::vector<Running> ended;
    for (auto at = running_.begin(); at != running_.end();) {
      if (at->exchange) listen(*at);
      const bool waits = !at->exchange && Steady::now() < at->resume_at;
      if (!at->exchange && !waits) {
        at->exchange = std::make_unique<HttpExchange>(socket_, request("GET", {}, at->last_id));
        if (!at->exchange->open()) listen(*at);
      }
      const bool enough = at->answered && !at->message.id.is_null();
      if (!enough && (!at->exchange || at->exchange->open() || resumes(*at))) {
        ++at;
        continue;
      }
      ended.push_back(std::move(*at));
      at = running_.erase(at);
    }
    for (const Running& running : ended) finish(running);
  }

  void listen(Running& running) {
    const HttpAnswer* answer = running.exchange->answer();
    if (answer == nullptr || answer->status >= 300) return;
    if (running.message.method == "initialize" && session_.empty()) {
      session_ = answer->header("mcp-session-id");
      if (!is_visible(session_, 1024)) {
        session_.clear();
        return translator_.server_failed("The MCP server names its session with characters that are not allowed.");
      }
    }
    for (const std::string& text : running.exchange->take_messages()) {
      running.answered = take_message(running.message, text) || running.answered;
    }
  }

  // A stream may end before its answer, and be gone on with where it ended.
  static bool resumes(Running& running) {
    const HttpAnswer* answer = running.exchange->answer();
    if (answer == nullptr || answer->status != 200 || !answer->is_stream() || running.message.id.is_null())
      return false;
    const EventReader& events = running.exchange->events();
    if (!events.last_id().empty()) running.last_id = events.last_id();
    if (!is_visible(running.last_id, 1024) || running.last_id.empty() || running.resumptions == kMaxResumptions) {
      return false;
    }
    ++running.resumptions;
    const std::int64_t wait = std::min(events.retry().value_or(kUsualRetryMs), kLongestRetryMs);
    running.resume_at = Steady::now() + std::chrono::milliseconds(wait);
    running.exchange.reset();
    return true;
  }

  // What no answer was expected of may fail; the next request tells.
  void finish(const Running& running) {
    if (!running.message.id.is_null() && !running.answered) {
      translator_.server_failed(explain(running.exchange ? running.exchange->answer() : nullptr));
    }
  }

  // Whether it answers `asked`.
  bool take_message(const Message& asked, std::string_view text) {
    const json::value value = parse(text);
    const json::value* id = member(value, "id");
    const bool answers = id != nullptr && *id == asked.id && member(value, "method") == nullptr;
    if (answers && asked.method == "initialize") {
      const json::value* result = member(value, "result");
      const std::string_view version = result != nullptr ? text_at(*result, "protocolVersion") : std::string_view();
      if (is_visible(version, 32)) version_ = version;
    }
    translator_.from_server(text);
    return answers;
  }

  static std::string explain(const HttpAnswer* answer) {
    if (answer == nullptr) return "The MCP server gave no answer that can be read, or one that is too long.";
    if (!answer->header("x-librebird-egress").empty()) {
      const std::string_view why = answer->body;
      return "The MCP server was not reached: " + std::string(why.substr(0, std::min(why.find('\n'), kShown)));
    }
    const std::string status = std::to_string(answer->status);
    if (answer->status == 401 || answer->status == 403) {
      return "The MCP server does not let this user in (status " + status +
             "). Set the skill's secret access_token to a token of that server, or replace the one that is set.";
    }
    if (answer->status == 404) return "The MCP server is not at this address, or has ended the session (status 404).";
    if (answer->status < 300)
      return "The MCP server answered with status " + status + ", but not to what it was asked.";
    const json::value body = parse(answer->body);
    const json::value* error = member(body, "error");
    const std::string_view said = error != nullptr ? text_at(*error, "message") : std::string_view();
    return "The MCP server answered with status " + status +
           (said.empty() ? "." : ": " + std::string(said.substr(0, kShown)));
  }

  // What is still to be said (that a call was stopped), and that the session is over. Whether the server listens is its
  // own affair.
  int end(int code) {
    take_messages();
    for (const Message& message : waiting_) tell(request("POST", message.line));
    if (!session_.empty()) tell(request("DELETE", {}));
    return code;
  }

  void tell(std::string request) const {
    HttpExchange farewell(socket_, std::move(request));
    while (farewell.open()) {
      pollfd watched = farewell.watched();
      if (poll(&watched, 1, kFarewellMs) <= 0) break;
      farewell.advance(watched.revents);
      (void)farewell.take_messages();
    }
  }

  std::string url_;
  std::string socket_;
  McpTranslator translator_;
  LineReader host_lines_;
  bool input_ended_ = false;
  bool begun_ = false;
  std::string token_;
  std::string session_;
  std::string version_;
  std::deque<Message> waiting_;
  std::vector<Running> running_;
};

}  // namespace

int serve_mcp_http(std::string url, const std::string& fence_socket) {
  signal(SIGPIPE, SIG_IGN);
  return HttpAdapter(std::move(url), fence_socket).run();
}

int run_mcp_http(std::span<char* const> arguments) {
  if (arguments.size() != 1 || !is_visible(arguments[0], 4096)) {
    std::fputs("usage: librebird-tool mcp-http URL\n", stderr);
    return 64;
  }
  return serve_mcp_http(arguments[0], kFence);
}

}  // namespace librebird::runner
