#pragma once

// Scripted counterparts for tests of the brain: a provider, hands, an observer, an HTTP client, and a way to run a
// coroutine test. Loop only, like what they stand for.

#include <librebird/base/async/sync.hpp>
#include <librebird/core/ports/brain_service.hpp>
#include <librebird/core/ports/chat_provider.hpp>
#include <librebird/core/ports/http_client.hpp>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace librebird::brain::testkit {

// Runs one coroutine to its end on a loop of its own.
void run(const std::function<Task<void>(Loop&)>& body);

// Answers from a list, one after the other. `hang` waits for the stop token.
struct Script {
  std::vector<std::string> pieces;  // text shown before the outcome
  Result<ModelAnswer> outcome = ModelAnswer{};
  bool hang = false;
};

[[nodiscard]] Script says(std::string text);
[[nodiscard]] Script calls(std::vector<std::pair<std::string, std::string>> names_and_arguments);
[[nodiscard]] Script fails(Error error, std::vector<std::string> pieces = {});
[[nodiscard]] Script hangs(std::vector<std::string> pieces = {});

class ScriptedProvider final : public ChatProvider {
 public:
  Task<Result<ModelAnswer>> complete(CompletionRequest request, TextSink on_text, std::stop_token stop) override;
  Task<Result<std::vector<std::string>>> models(std::stop_token stop) override;

  std::deque<Script> scripts;  // when empty: `otherwise`
  Script otherwise = says("done");
  std::vector<CompletionRequest> requests;
  std::function<void()> on_request;
};

// Tools as functions. Counts what runs.
class ScriptedHands final : public HandsService {
 public:
  using Tool = std::function<Result<ToolResult>(const ToolRequest&)>;
  Task<Result<ToolResult>> execute_tool(ToolRequest request, ToolObserver observer, std::stop_token stop) override;
  Task<Result<std::vector<ToolSpec>>> list_tools(Principal principal, std::optional<std::int64_t> seen) override;
  Task<Result<HandsHealth>> health() override;
  Task<Result<Approval>> decide(Principal principal, std::string approval_id, ApprovalDecision decision) override;
  Task<Result<std::vector<Approval>>> list_approvals(Principal principal, bool open_only, int limit) override;
  Task<Result<ToolMode>> get_mode(Principal principal, std::string conversation_id) override;
  Task<Result<ToolMode>> set_mode(Principal principal, std::string conversation_id,
                                  std::optional<ApprovalMode> mode) override;
  Task<Result<std::vector<Grant>>> list_grants(Principal principal) override;
  Task<Status> revoke_grant(Principal principal, std::string id) override;

  void add(const std::string& name, Tool tool, bool idempotent = false);
  // A tool that answers {"ok": its arguments}.
  void add_echo(const std::string& name, bool idempotent = false);
  // A tool that runs until it is stopped.
  void add_hanging(const std::string& name);
  // A tool that asks before it runs, and waits for decide().
  void add_asking(const std::string& name);

  std::vector<ToolSpec> tools;
  std::vector<ToolRequest> ran;
  std::optional<Error> listing_fails;
  std::size_t running = 0;
  std::size_t most_running = 0;
  std::function<void()> on_start;
  std::vector<Approval> asked;
  std::function<void(Approval&)> on_wait;  // called again and again while a question is open; may answer it

 private:
  Task<bool> approved(const ToolRequest& request, const ToolObserver& observer, std::stop_token stop);
  std::map<std::string, Tool> bodies_;
  std::set<std::string> asking_;
};

// Records everything, and checks that journal() calls do not overlap and have contiguous indexes.
class RecordingObserver final : public ChatObserver {
 public:
  void on_text(std::string_view piece) override;
  void on_tool_call(const ToolCall& call) override;
  void on_tool_result(const ToolResult& result) override;
  void on_approval(const Approval& approval) override;
  Task<Status> journal(TurnStep step) override;

  std::string text;
  std::vector<std::string>
      events;  // "text", "call NAME", "result STATUS", "approval STATE", "journal answer", "journal result"
  std::vector<TurnStep> steps;
  int next_index = 0;
  bool orderly = true;
  // Called before a step is kept; an error is returned instead.
  std::function<Status(const TurnStep&)> before_journal;

 private:
  bool writing_ = false;
};

struct FakeAnswer {
  int status = 200;
  HttpHeaders headers;
  std::vector<std::string> pieces;
  std::optional<Error> send_error;  // instead of an answer
  std::optional<Error> read_error;  // after the pieces
  bool hang = false;                // after the pieces, until stopped
};

class FakeHttpClient final : public HttpClient {
 public:
  Task<Result<std::unique_ptr<HttpResponse>>> send(HttpRequest request, std::stop_token stop) override;

  std::deque<FakeAnswer> answers;      // when empty: `otherwise`
  FakeAnswer otherwise;
  std::vector<HttpRequest> requests;
  int ended = 0;  // bodies read to their end
};

}  // namespace librebird::brain::testkit
