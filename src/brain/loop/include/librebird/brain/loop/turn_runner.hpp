#pragma once

// The agent loop: one turn, from the user's message to the final answer.
//
// model call -> journal the answer -> its tool calls in parallel, each result journaled -> next model call, until an
// answer without tool calls, the step limit, or a repetition; the last two end with one model call without tools.
// Thread rule: loop only. All references outlive the awaited call.
// A resumed turn: what the journal holds is not asked or run again. A call without a result runs again only if its
// tool is idempotent; otherwise an `interrupted` result is journaled. on_tool_call() is not repeated for journaled
// calls (whoever shows the turn has them from the journal); on_tool_result() follows for each result made here.
// Errors: those of ChatProvider; cancelled (`stop`), deadline_exceeded (turn_limit), and whatever journal() returned.

#include <librebird/base/clock.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/ports/brain_service.hpp>
#include <librebird/core/ports/chat_provider.hpp>

#include <string>

namespace librebird::brain::loop {

// See BrainOptions for what they mean.
struct LoopOptions {
  std::string system_prompt;
  int step_limit = 12;
  Millis turn_limit{600'000};
  std::size_t parallel_tools = 8;
  std::size_t tool_result_limit = 64 * 1024;
  std::size_t context_limit = 400'000;
  int model_attempts = 4;
  Millis retry_delay{250};
  Millis retry_wait_limit{20'000};
};

struct LoopServices {
  Executor executor;
  const Clock& clock;
  IdGenerator& ids;
  HandsService& hands;
};

// `model` is who answers: its name is what the provider is asked for.
Task<Result<ChatOutcome>> run_turn(LoopServices services, const LoopOptions& options, ChatProvider& provider,
                                   ModelInfo model, ChatRequest request, ChatObserver& observer, std::stop_token stop);

}  // namespace librebird::brain::loop
