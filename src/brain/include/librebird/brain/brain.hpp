#pragma once

// The brain: answers a turn with a model and tools. It implements core/ports/brain_service.hpp.
//
//   auto brain = brain::make_brain(loop, config, clock, ids, http, hands, messages, brain::options_from(config));
//
// Thread rule: loop only. Ownership: the caller owns everything handed in, and it outlives the brain; the brain
// outlives its running calls. It is stateless between calls.
// Which model answers: the request's, else BrainOptions::model, else the offline demo. A model that is named but
// unknown or not configured is an error of the chat and of default_model(), never a silent demo.

#include <librebird/base/clock.hpp>
#include <librebird/base/config.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/ports/brain_service.hpp>
#include <librebird/core/ports/chat_provider.hpp>
#include <librebird/core/ports/http_client.hpp>
#include <librebird/core/ports/stores.hpp>

#include <memory>
#include <string>
#include <vector>

namespace librebird::brain {

struct BrainOptions {
  std::string model;                        // "provider/name"; empty: the demo
  std::string system_prompt;                // empty: the built-in one
  int step_limit = 12;                      // model answers with tool calls in one turn
  Millis turn_limit{600'000};               // a whole turn, tools included
  std::size_t parallel_tools = 8;           // tool calls of one turn that run at once
  std::size_t tool_result_limit = 64 * 1024;  // bytes of one result that the model is shown
  std::size_t context_limit = 400'000;      // bytes of history the model is sent; the oldest messages go first
  int model_attempts = 4;                   // tries of one model request, while nothing of its answer was shown
  Millis retry_delay{250};                  // before the second try; doubles, with jitter
  Millis retry_wait_limit{20'000};          // a vendor that asks for a longer wait is not waited for
};

// The settings of the brain and of every provider, for Config::load.
[[nodiscard]] std::vector<ConfigKey> config_keys();
[[nodiscard]] BrainOptions options_from(const Config& config);
// How to connect a real model, one line a provider; for those who only have the demo.
[[nodiscard]] std::string how_to_connect();

// `messages` may be null: get_memory() then is failed_precondition.
[[nodiscard]] std::unique_ptr<BrainService> make_brain(Loop& loop, const Config& config, const Clock& clock,
                                                       IdGenerator& ids, HttpClient& http, HandsService& hands,
                                                       MessageStore* messages, BrainOptions options);
// The same with other providers than the built-in ones; for tests.
[[nodiscard]] std::unique_ptr<BrainService> make_brain(Loop& loop, const Config& config, const Clock& clock,
                                                       IdGenerator& ids, HttpClient& http, HandsService& hands,
                                                       MessageStore* messages, BrainOptions options,
                                                       std::vector<ProviderPlugin> providers);

}  // namespace librebird::brain
