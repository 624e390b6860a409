// The offline stand-in: rules instead of a model, real tools, the same answer every time.
#include "answers.hpp"
#include "intents.hpp"

#include <librebird/base/utf8.hpp>
#include <librebird/core/ports/chat_provider.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>

namespace librebird {
namespace {

namespace demo = brain::demo;
constexpr std::size_t kPiece = 24;

bool offered(const CompletionRequest& request, const std::string& name) {
  return std::ranges::find(request.tools, name, &ToolSpec::name) != request.tools.end();
}

// Index of the user message to answer; the size if there is none.
std::size_t question_in(const CompletionRequest& request) {
  for (std::size_t i = request.messages.size(); i-- > 0;) {
    if (request.messages[i].role == ChatRole::user) return i;
  }
  return request.messages.size();
}

void add_paragraph(std::string& text, std::string_view paragraph) {
  if (!text.empty()) text += "\n\n";
  text += paragraph;
}

// What the tools said since the question, in the order of the calls.
std::string from_results(const CompletionRequest& request, std::size_t question) {
  std::string text;
  for (std::size_t i = question + 1; i < request.messages.size(); ++i) {
    for (const ToolCall& call : request.messages[i].tool_calls) {
      const auto result = std::ranges::find(request.messages, call.id, &ChatMessage::tool_call_id);
      add_paragraph(text, result == request.messages.end() ? "No result of `" + call.name + "` came back."
                                                           : demo::describe(call, result->content));
    }
  }
  return text;
}

bool has_results(const CompletionRequest& request, std::size_t question) {
  for (std::size_t i = question + 1; i < request.messages.size(); ++i) {
    if (request.messages[i].role == ChatRole::tool) return true;
  }
  return false;
}

ModelAnswer answer_to(const CompletionRequest& request) {
  ModelAnswer answer;
  answer.model = {"demo", "demo", true};
  const std::size_t question = question_in(request);
  const std::string_view said =
      question < request.messages.size() ? std::string_view(request.messages[question].content) : std::string_view();
  const demo::Understanding wish = demo::understand(said);
  std::string missing;
  std::vector<ToolCall> calls;
  for (const demo::Intent& intent : wish.intents) {
    if (request.tool_choice != "none" && offered(request, intent.tool)) {
      calls.push_back({"demo-" + std::to_string(calls.size() + 1), intent.tool, intent.arguments_json});
    } else {
      add_paragraph(missing, demo::describe_missing(intent.tool));
    }
  }
  if (question < request.messages.size() && has_results(request, question)) {
    answer.text = from_results(request, question);
    if (!request.tools.empty() && !missing.empty()) add_paragraph(answer.text, missing);
  } else if (!calls.empty()) {
    answer.tool_calls = std::move(calls);
    answer.finish_reason = FinishReason::tool_calls;
    return answer;
  } else if (!missing.empty()) {
    answer.text = std::move(missing);
  } else if (wish.help) {
    answer.text = demo::help();
  } else {
    answer.text = wish.greeting ? demo::greeting() : demo::fallback();
  }
  add_paragraph(answer.text, demo::kNotice);
  return answer;
}

// A token is taken to be four bytes; real usage is unknown because there is no model.
TokenUsage usage_of(const CompletionRequest& request, const ModelAnswer& answer) {
  std::size_t in = 0;
  for (const ChatMessage& message : request.messages) in += message.content.size();
  return {static_cast<std::int64_t>(in / 4 + 1), static_cast<std::int64_t>(answer.text.size() / 4 + 1)};
}

class DemoProvider final : public ChatProvider {
 public:
  Task<Result<ModelAnswer>> complete(CompletionRequest request, TextSink on_text, std::stop_token stop) override {
    const Executor executor = co_await boost::asio::this_coro::executor;
    ModelAnswer answer = answer_to(request);
    answer.usage = usage_of(request, answer);
    std::string_view rest = answer.text;
    while (!rest.empty()) {
      if (stop.stop_requested()) break;
      const std::string_view piece = utf8_prefix(rest, kPiece);
      if (on_text) on_text(piece);
      rest.remove_prefix(piece.size());
      co_await boost::asio::post(executor, use_task);  // others have their turn between the pieces
    }
    if (stop.stop_requested()) co_return make_error(Code::cancelled, "The answer was stopped.");
    co_return answer;
  }

  [[nodiscard]] bool demo() const override { return true; }

  Task<Result<std::vector<std::string>>> models(std::stop_token) override {
    co_return std::vector<std::string>{"demo"};
  }
};

Result<std::unique_ptr<ChatProvider>> create(const ProviderContext&) {
  return std::unique_ptr<ChatProvider>(std::make_unique<DemoProvider>());
}

}  // namespace

namespace plugins {
ProviderPlugin provider_demo() {
  return {
      {"demo", "An offline, rule-based stand-in that needs no model and no key; it is labelled in every answer.", {}},
      create};
}
}  // namespace plugins

}  // namespace librebird
