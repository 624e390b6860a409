#pragma once

// Stand-ins for tests of the hands: an audit store in memory and a scripted HTTP client. Loop only.

#include <librebird/core/ports/http_client.hpp>
#include <librebird/core/ports/stores.hpp>

#include <deque>
#include <map>
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
  Task<Status> append(AuditEvent event) override {
    if (broken) co_return make_error(Code::unavailable, "The disk is full.");
    events.push_back(std::move(event));
    co_return Ok{};
  }
  Task<Result<int>> close_interrupted() override { co_return 0; }
  Task<Result<std::int64_t>> prune(UnixMillis /*before*/) override { co_return 0; }
  Task<Result<AuditHeads>> heads() override { co_return AuditHeads{}; }
  Task<Result<std::vector<AuditRecord>>> read(std::string /*workspace_id*/, std::int64_t /*after*/,
                                              int /*limit*/) override {
    co_return std::vector<AuditRecord>();
  }

  std::vector<AuditEntry> entries;
  std::vector<AuditEvent> events;
  bool broken = false;
};

// Unsealed, for every principal alike.
class MemorySecretStore final : public SecretStore {
 public:
  Task<Status> put(Principal /*principal*/, std::string scope, std::string name, std::string value) override {
    values[{std::move(scope), std::move(name)}] = std::move(value);
    ++changes;
    co_return Ok{};
  }
  Task<Result<std::string>> get(Principal /*principal*/, std::string scope, std::string name) override {
    const auto found = values.find({scope, name});
    if (found == values.end()) co_return make_error(Code::not_found, "There is no such secret.");
    co_return found->second;
  }
  Task<Result<std::vector<SecretInfo>>> list(Principal /*principal*/) override {
    std::vector<SecretInfo> all;
    for (const auto& [key, value] : values) all.push_back({key.first, key.second});
    co_return all;
  }
  Task<Status> remove(Principal /*principal*/, std::string scope, std::string name) override {
    ++changes;
    if (values.erase({scope, name}) == 0) co_return make_error(Code::not_found, "There is no such secret.");
    co_return Ok{};
  }
  Task<Result<bool>> replace(Principal /*principal*/, std::string scope, std::string name, std::string expected,
                             std::optional<std::string> value) override {
    const auto found = values.find({scope, name});
    if (found == values.end() || found->second != expected) co_return false;
    ++changes;
    if (value) found->second = *std::move(value);
    if (!value) values.erase(found);
    co_return true;
  }
  Task<Status> forget(Principal /*principal*/, std::string scope) override {
    ++changes;
    std::erase_if(
        values, [&](const auto& entry) { return entry.first.first == scope || entry.first.first == "user/" + scope; });
    co_return Ok{};
  }
  Task<Result<std::int64_t>> revision(Principal /*principal*/) override { co_return changes; }
  Task<Result<std::shared_ptr<const SecretSet>>> reveal(Principal /*principal*/) override {
    ++revealed;
    std::vector<Secret> all;
    for (const auto& [key, value] : values) all.push_back({key.first, key.second, value});
    co_return std::make_shared<const SecretSet>(std::move(all));
  }

  std::map<std::pair<std::string, std::string>, std::string> values;
  std::int64_t changes = 0;
  int revealed = 0;
};

struct ScriptedAnswer {
  int status = 200;
  HttpHeaders headers;
  std::string body;
};

// Gives the scripted answers in order and records what was asked.
class ScriptedHttpClient final : public HttpClient {
 public:
  Task<Result<std::unique_ptr<HttpResponse>>> send(HttpRequest request, std::stop_token stop) override {
    while (request.stream) {
      LB_CO_TRY(piece, co_await request.stream->next(stop));
      if (!piece) break;
      request.body += *piece;
    }
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
