#pragma once

// Stand-ins for tests of the hands: an audit store in memory and a scripted HTTP client. Loop only.

#include <librebird/core/ports/http_client.hpp>
#include <librebird/core/ports/stores.hpp>

#include <deque>
#include <string>
#include <vector>

namespace librebird::testkit {

class MemoryAuditStore final : public AuditStore {
 public:
  Task<Result<std::string>> begin(AuditEntry entry, bool rerun) override {
    if (!rerun) {
      for (const AuditEntry& known : entries) {
        if (known.call_id == entry.call_id) co_return make_error(Code::already_exists, "This call ran before.");
      }
    }
    if (broken) co_return make_error(Code::unavailable, "The disk is full.");
    entry.id = std::to_string(entries.size());
    entries.push_back(entry);
    co_return entry.id;
  }
  Task<Status> finish(std::string id, AuditOutcome outcome, std::string detail, Millis duration) override {
    AuditEntry& entry = entries.at(std::stoul(id));
    entry.outcome = outcome;
    entry.detail = std::move(detail);
    entry.duration = duration;
    co_return Ok{};
  }
  Task<Result<std::vector<AuditEntry>>> list(Principal /*principal*/, int /*limit*/) override { co_return entries; }

  std::vector<AuditEntry> entries;
  bool broken = false;
};

struct ScriptedAnswer {
  int status = 200;
  HttpHeaders headers;
  std::string body;
};

// Gives the scripted answers in order and records what was asked.
class ScriptedHttpClient final : public HttpClient {
 public:
  Task<Result<std::unique_ptr<HttpResponse>>> send(HttpRequest request, std::stop_token /*stop*/) override {
    requests.push_back(request);
    if (answers.empty()) co_return make_error(Code::unavailable, "Nothing answers.");
    auto response = std::make_unique<Response>(std::move(answers.front()));
    answers.pop_front();
    co_return std::unique_ptr<HttpResponse>(std::move(response));
  }

  std::deque<ScriptedAnswer> answers;
  std::vector<HttpRequest> requests;

 private:
  class Response final : public HttpResponse {
   public:
    explicit Response(ScriptedAnswer answer) : answer_(std::move(answer)) {}
    [[nodiscard]] int status() const override { return answer_.status; }
    [[nodiscard]] const HttpHeaders& headers() const override { return answer_.headers; }
    Task<Result<std::optional<std::string>>> read(std::stop_token /*stop*/) override {
      if (answer_.body.empty()) co_return std::optional<std::string>();
      std::string piece = answer_.body.substr(0, 64 * 1024);
      answer_.body.erase(0, piece.size());
      co_return std::optional<std::string>(std::move(piece));
    }

   private:
    ScriptedAnswer answer_;
  };
};

}  // namespace librebird::testkit
