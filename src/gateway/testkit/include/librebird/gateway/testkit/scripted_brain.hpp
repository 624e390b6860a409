#pragma once

// A brain that does what a test tells it. Loop only.

#include <librebird/base/async/sync.hpp>
#include <librebird/core/ports/brain_service.hpp>

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace librebird::gateway::testkit {

[[nodiscard]] inline ChatOutcome outcome_of(std::string text) {
  ChatOutcome outcome;
  outcome.final_answer.text = std::move(text);
  outcome.final_answer.model = {"test", "scripted", false};
  outcome.usage = {3, 5};
  return outcome;
}

class ScriptedBrain final : public BrainService {
 public:
  using Chat = std::function<Task<Result<ChatOutcome>>(ChatRequest, ChatObserver&, std::stop_token)>;

  explicit ScriptedBrain(Loop& loop) : changed(loop.executor()) {}

  // The next chats in order; then echoes.
  std::deque<Chat> script;
  std::vector<ChatRequest> requests;
  int running = 0;
  int most_running = 0;
  bool hold = false;  // chats wait for it to become false (notify `changed`), or for their stop
  Signal changed;

  Task<Result<ChatOutcome>> stream_chat(ChatRequest request, ChatObserver& observer, std::stop_token stop) override {
    requests.push_back(request);
    most_running = std::max(most_running, ++running);
    changed.notify_all();
    Result<ChatOutcome> outcome = make_error(Code::internal, "none");
    if (script.empty()) {
      outcome = co_await echo(std::move(request), observer, stop);
    } else {
      const Chat chat = std::move(script.front());
      script.pop_front();
      outcome = co_await chat(std::move(request), observer, stop);
    }
    --running;
    changed.notify_all();
    co_return outcome;
  }
  Task<Result<ChatOutcome>> echo(ChatRequest request, ChatObserver& observer, std::stop_token stop) {
    const std::string text = "re: " + (request.history.empty() ? "" : request.history.back().content);
    observer.on_text(text);
    while (hold && !stop.stop_requested()) co_await changed.wait(stop);
    if (stop.stop_requested()) co_return make_error(Code::cancelled, "Stopped.");
    co_return outcome_of(text);
  }
  void release() {
    hold = false;
    changed.notify_all();
  }

  Task<Result<ToolResult>> execute_tool(ToolRequest, std::stop_token) override {
    co_return make_error(Code::unavailable, "no tools");
  }
  Task<Result<std::vector<MemoryItem>>> get_memory(MemoryQuery) override { co_return std::vector<MemoryItem>{}; }
  Task<Result<ModelInfo>> default_model() override { co_return ModelInfo{"test", "scripted", false}; }
  Task<Result<std::vector<std::string>>> list_models(std::stop_token) override {
    co_return std::vector<std::string>{"test/scripted"};
  }
};

}  // namespace librebird::gateway::testkit
