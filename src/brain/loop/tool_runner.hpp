#pragma once

// One tool call through the hands to a result. Whatever goes wrong becomes a result that the model is told;
// the only error is `cancelled`. Loop only; one object serves one turn's calls at once.

#include <librebird/brain/loop/turn_runner.hpp>

#include <string_view>

namespace librebird::brain::loop {

class ToolRunner {
 public:
  ToolRunner(HandsService& hands, const Clock& clock, const LoopOptions& options, const ChatRequest& request,
             const std::vector<ToolSpec>& tools, ToolObserver observer)
      : hands_(hands),
        clock_(clock),
        options_(options),
        request_(request),
        tools_(tools),
        observer_(std::move(observer)) {}

  // `resumed`: an attempt before this one may have run it.
  Task<Result<ToolResult>> run(ToolCall call, bool resumed, std::stop_token stop);
  [[nodiscard]] const ToolSpec* find(std::string_view name) const;

  static ToolResult interrupted(const ToolCall& call);

 private:
  Task<Result<ToolResult>> execute(ToolCall call, bool resumed, std::stop_token stop);
  Task<Result<ToolResult>> ask_hands(const ToolCall& call, bool resumed, std::stop_token stop);
  [[nodiscard]] std::optional<ToolResult> refuse(const ToolCall& call) const;

  HandsService& hands_;
  const Clock& clock_;
  const LoopOptions& options_;
  const ChatRequest& request_;
  const std::vector<ToolSpec>& tools_;
  ToolObserver observer_;
};

// Waiting time before try number `attempt` (from 2 on), with jitter that differs from turn to turn.
[[nodiscard]] Millis backoff(Millis first, int attempt, std::string_view seed);

}  // namespace librebird::brain::loop
