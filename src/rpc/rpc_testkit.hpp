#pragma once

// For the tests beside: a loop to run on, scripted services, an observer that writes down what it sees, and a relay
// that breaks connections as killed processes and dead networks do.

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/rpc/brain_client.hpp>
#include <librebird/rpc/brain_server.hpp>
#include <librebird/rpc/hands_client.hpp>
#include <librebird/rpc/hands_server.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace librebird::rpc::testkit {

using namespace std::chrono_literals;

inline Task<void> join_and_stop(Scope& scope, Loop& loop) {
  co_await scope.join();
  loop.stop();
}

// Runs one task to its end on a loop of its own.
inline void run(Task<void> (*body)(Loop&)) {
  Loop loop;
  Scope scope(loop.executor());
  Scope outer(loop.executor());
  scope.spawn(body(loop), "test");
  outer.spawn(join_and_stop(scope, loop), "finish");
  loop.run();
  loop.context().restart();
  loop.context().poll();
}

inline RpcOptions options_for(int port) {
  RpcOptions options;
  options.address = fmt::format("127.0.0.1:{}", port);
  options.secret = "correct horse battery staple";
  std::erase(options.secret, ' ');
  options.call_timeout = 20s;
  return options;
}

class ScriptedBrain final : public BrainService {
 public:
  using Chat = std::function<Task<Result<ChatOutcome>>(ChatRequest, ChatObserver&, std::stop_token)>;
  using Tool = std::function<Task<Result<ToolResult>>(ToolRequest, std::stop_token)>;
  Chat chat;
  Tool tool;
  Result<ModelInfo> model{ModelInfo{"demo", "rules", true}};
  std::vector<std::string> models{"demo/rules", "openai/gpt"};
  MemoryQuery asked;

  Task<Result<ChatOutcome>> stream_chat(ChatRequest request, ChatObserver& observer, std::stop_token stop) override {
    return chat(std::move(request), observer, std::move(stop));
  }
  Task<Result<ToolResult>> execute_tool(ToolRequest request, std::stop_token stop) override {
    return tool(std::move(request), std::move(stop));
  }
  Task<Result<std::vector<MemoryItem>>> get_memory(MemoryQuery query) override {
    asked = query;
    co_return std::vector<MemoryItem>{{"c", "m", query.text, 0.5, 7}};
  }
  Task<Result<ModelInfo>> default_model() override { co_return model; }
  Task<Result<std::vector<std::string>>> list_models(std::stop_token) override { co_return models; }
};

class ScriptedHands final : public HandsService {
 public:
  SkillService* skills() override { return skill_service; }
  SkillService* skill_service = nullptr;

  using Tool = std::function<Task<Result<ToolResult>>(ToolRequest, ToolObserver, std::stop_token)>;
  Tool tool;

  Task<Result<ToolResult>> execute_tool(ToolRequest request, ToolObserver observer, std::stop_token stop) override {
    return tool(std::move(request), std::move(observer), std::move(stop));
  }
  Task<Result<std::vector<ToolSpec>>> list_tools(Principal principal, std::optional<std::int64_t> seen) override {
    ToolSpec spec{"calculator", principal.user_id, "Adds.", "{}"};
    co_return std::vector<ToolSpec>{spec};
  }
  Task<Result<HandsHealth>> health() override { co_return HandsHealth{true, "bubblewrap", "fine"}; }

  // Each says what it was asked.
  Task<Result<Approval>> decide(Principal principal, std::string id, ApprovalDecision decision) override {
    if (id == "absent") co_return make_error(Code::not_found, "There is no approval with this id.");
    Approval approval = question(std::move(id));
    approval.principal = std::move(principal);
    approval.state = ApprovalState::granted;
    approval.decision = decision;
    approval.decided_at = 9;
    co_return approval;
  }
  Task<Result<std::vector<Approval>>> list_approvals(Principal principal, bool open_only, int limit) override {
    Approval approval = question(std::to_string(limit));
    approval.principal = std::move(principal);
    approval.state = open_only ? ApprovalState::open : ApprovalState::withdrawn;
    co_return std::vector<Approval>{approval};
  }
  Task<Result<ToolMode>> get_mode(Principal, std::string conversation_id) override {
    ToolMode answer;
    if (!conversation_id.empty()) answer.conversation = ApprovalMode::automatic;
    answer.effective = ApprovalMode::read_only;
    co_return answer;
  }
  Task<Result<ToolMode>> set_mode(Principal, std::string conversation_id, std::optional<ApprovalMode> mode) override {
    ToolMode answer;
    (conversation_id.empty() ? answer.workspace : answer.conversation) = mode;
    co_return answer;
  }
  Task<Result<std::vector<Grant>>> list_grants(Principal principal) override {
    co_return std::vector<Grant>{{"g", principal.user_id, "w", "s", "t", "*.\xff", "git", 5}};
  }
  Task<Status> revoke_grant(Principal, std::string id) override {
    if (id == "absent") co_return Error{Code::not_found, "There is no grant with this id."};
    co_return Ok{};
  }

  static Approval question(std::string id) {
    Approval approval;
    approval.id = std::move(id);
    approval.principal = {"user", "workspace", Role::member, "credential"};
    approval.conversation_id = "conversation";
    approval.turn_id = "turn";
    approval.call = {"call", "tool", "{\"a\":\"\xff\"}"};
    approval.skill = "skill";
    approval.use = {true, true, true, true, {"a.example", "*"}, "git", "a reason"};
    approval.reason = "why";
    approval.created_at = 1;
    approval.expires_at = 2;
    return approval;
  }
};

class RecordingObserver final : public ChatObserver {
 public:
  explicit RecordingObserver(Loop& loop) : changed(loop.executor()) {}
  std::string text;
  std::vector<std::string> events;
  std::vector<TurnStep> steps;
  bool hold = false;                // journal() waits until this is false
  std::optional<Error> refuse;      // journal() answers this
  Signal changed;

  void on_text(std::string_view piece) override {
    text += piece;
    if (events.empty() || events.back() != "text") events.emplace_back("text");
    changed.notify_all();
  }
  void on_tool_call(const ToolCall& call) override { note("call " + call.name); }
  void on_tool_result(const ToolResult& result) override { note("result " + result.content_json); }
  Task<Status> journal(TurnStep step) override {
    steps.push_back(step);
    note("step " + std::to_string(step.index));
    while (hold) co_await changed.wait();
    if (refuse) co_return *refuse;
    co_return Ok{};
  }
  void note(std::string event) {
    events.push_back(std::move(event));
    changed.notify_all();
  }
};

inline ModelAnswer answer(std::string text, std::vector<ToolCall> calls = {}) {
  ModelAnswer made;
  made.finish_reason = calls.empty() ? FinishReason::stop : FinishReason::tool_calls;
  made.text = std::move(text);
  made.tool_calls = std::move(calls);
  made.usage = {3, 4};
  made.model = {"demo", "rules", true};
  return made;
}

inline ChatRequest hello() {
  ChatRequest request;
  request.turn_id = "turn";
  request.principal = {"user", "workspace", Role::member, "credential"};
  request.history.push_back({ChatRole::user, "hello"});
  return request;
}

// Forwards TCP between a client and a port, until told to break.
class Relay {
 public:
  Relay(Loop& loop, int to)
      : executor_(loop.executor()), to_(to), acceptor_(executor_, {kLocal, 0}), scope_(executor_) {
    scope_.spawn(accept(), "relay");
  }
  [[nodiscard]] int port() const { return acceptor_.local_endpoint().port(); }
  // Resets every connection, as the kernel does for a killed process.
  void cut() {
    for (const auto& link : links_) link->reset();
    links_.clear();
  }
  // Keeps the connections, carries nothing more: a dead network.
  void freeze() { frozen_ = true; }
  Task<void> stop() {
    acceptor_.close();
    cut();
    co_await scope_.join();
  }

 private:
  using Tcp = boost::asio::ip::tcp;
  using Socket = boost::asio::basic_stream_socket<Tcp, Executor>;
  static inline const boost::asio::ip::address kLocal = boost::asio::ip::make_address("127.0.0.1");
  struct Link {
    explicit Link(Executor executor) : near(executor), far(executor) {}
    void reset() {
      boost::system::error_code ignored;
      for (Socket* socket : {&near, &far}) {
        socket->set_option(boost::asio::socket_base::linger(true, 0), ignored);
        socket->close(ignored);
      }
    }
    Socket near;
    Socket far;
  };

  Task<void> accept() {
    for (;;) {
      auto link = std::make_shared<Link>(executor_);
      boost::system::error_code failure;
      co_await acceptor_.async_accept(link->near, boost::asio::redirect_error(use_task, failure));
      if (failure) co_return;
      co_await link->far.async_connect({kLocal, static_cast<unsigned short>(to_)},
                                       boost::asio::redirect_error(use_task, failure));
      if (failure) {
        link->reset();
        continue;
      }
      links_.push_back(link);
      scope_.spawn(pump(link, true), "relay");
      scope_.spawn(pump(link, false), "relay");
    }
  }
  Task<void> pump(std::shared_ptr<Link> link, bool outward) {
    Socket& from = outward ? link->near : link->far;
    Socket& to = outward ? link->far : link->near;
    std::array<char, 16384> buffer;
    boost::system::error_code failure;
    for (;;) {
      const std::size_t size =
          co_await from.async_read_some(boost::asio::buffer(buffer), boost::asio::redirect_error(use_task, failure));
      if (failure) break;
      if (frozen_) continue;
      co_await boost::asio::async_write(to, boost::asio::buffer(buffer, size),
                                        boost::asio::redirect_error(use_task, failure));
      if (failure) break;
    }
    link->reset();
  }

  Executor executor_;
  int to_;
  boost::asio::basic_socket_acceptor<Tcp, Executor> acceptor_;
  Scope scope_;
  std::vector<std::shared_ptr<Link>> links_;
  bool frozen_ = false;
};

}  // namespace librebird::rpc::testkit
