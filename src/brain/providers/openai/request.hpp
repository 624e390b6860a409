#pragma once

// The body of POST /chat/completions. Facts: the OpenAI API reference, "Create chat completion", as read from the
// official client's types (openai-node 7.57.0, resources/chat/completions).

#include <librebird/core/ports/chat_provider.hpp>

#include <string>
#include <unordered_set>

namespace librebird::brain::openai {

// What a server turned out not to understand, learned from its 400 answers.
struct Quirks {
  bool no_stream_options = false;      // older compatible servers
  bool max_completion_tokens = false;  // newer models refuse max_tokens
  bool no_temperature = false;         // reasoning models accept the default only
};

// Changes `quirks` if the server's complaint names a field we can do without. False: nothing to change.
[[nodiscard]] bool adapt(Quirks& quirks, const CompletionRequest& request, std::string_view complaint);

// Builds bodies; remembers which tool schemas are sound JSON. Loop only.
class RequestWriter {
 public:
  [[nodiscard]] std::string write(const CompletionRequest& request, const Quirks& quirks);

 private:
  void write_tools(std::string& out, const CompletionRequest& request);
  [[nodiscard]] const std::string& schema_of(const ToolSpec& tool);

  std::unordered_set<std::string> sound_schemas_;
};

}  // namespace librebird::brain::openai
