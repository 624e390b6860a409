#pragma once

// Port: a model that answers chats. One plug-in folder per vendor protocol: src/brain/providers/<name>.
//
// Thread rule: loop only. One provider object serves any number of concurrent calls. It must outlive its calls.
// Errors: unauthenticated (key refused), invalid_argument (the model refused the request), not_found (no such model),
// resource_exhausted (rate limit; retry_after set when the vendor says), unavailable (connection, 5xx, broken stream),
// deadline_exceeded, cancelled. Each message names the provider, the cause and the next step; never a key.

#include <librebird/base/async/task.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/chat.hpp>
#include <librebird/core/ports/plugin.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

struct CompletionRequest {
  std::string model;  // without the provider prefix
  std::vector<ChatMessage> messages;
  std::vector<ToolSpec> tools;
  std::optional<double> temperature;
  std::optional<std::int64_t> max_tokens;
  std::string tool_choice;   // "", "auto", "none", "required" or a tool's name
  std::string trace_parent;  // W3C, may be empty
};

// Called on the loop with each piece of text as it arrives; must not block. The concatenation equals ModelAnswer::text.
using TextSink = std::function<void(std::string_view text)>;

class ChatProvider {
 public:
  virtual ~ChatProvider() = default;
  // Runs until the answer is complete. A request_stop() ends it with `cancelled` and closes the vendor's connection.
  // Tool call ids in the answer are the vendor's; the agent loop replaces them by its own.
  virtual Task<Result<ModelAnswer>> complete(CompletionRequest request, TextSink on_text, std::stop_token stop) = 0;
  [[nodiscard]] virtual bool demo() const { return false; }
  // Names of models, for /v1/models; may ask the vendor.
  virtual Task<Result<std::vector<std::string>>> models(std::stop_token stop) = 0;
};

class HttpClient;  // core/ports/http_client.hpp

struct ProviderContext {
  const Config& config;
  HttpClient& http;
  const Clock& clock;
};

struct ProviderPlugin {
  PluginManifest manifest;
  // Null with a reason in the error when it is not configured (failed_precondition).
  std::function<Result<std::unique_ptr<ChatProvider>>(const ProviderContext&)> create;
};

// The generated registry of src/brain/providers.
std::vector<ProviderPlugin> provider_plugins();

}  // namespace librebird
