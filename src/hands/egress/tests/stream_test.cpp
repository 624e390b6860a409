// Answers that come in drops, without end, or with a secret across the borders of their pieces: what is passed on,
// when, and how much of it is ever held.

#include "raw_fence.hpp"

#include <librebird/base/async/sync.hpp>

#include <array>
#include <functional>

namespace librebird::egress {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A body made as it is read.
class Source final : public HttpClient {
 public:
  // The next piece; empty: the end.
  using Next = std::function<Task<Result<std::string>>()>;

  Task<Result<std::unique_ptr<HttpResponse>>> send(HttpRequest request, std::stop_token) override {
    requests.push_back(std::move(request));
    std::unique_ptr<HttpResponse> answer = std::make_unique<Response>(*this);
    co_return std::move(answer);
  }

  HttpHeaders headers;
  Next next;
  int reads = 0;
  std::vector<HttpRequest> requests;

 private:
  class Response final : public HttpResponse {
   public:
    explicit Response(Source& source) : source_(source) {}
    [[nodiscard]] int status() const override { return 200; }
    [[nodiscard]] const HttpHeaders& headers() const override { return source_.headers; }
    Task<Result<std::optional<std::string>>> read(std::stop_token) override {
      ++source_.reads;
      LB_CO_TRY(piece, co_await source_.next());
      if (piece.empty()) co_return std::optional<std::string>();
      co_return std::optional<std::string>(std::move(piece));
    }

   private:
    Source& source_;
  };
};

// Without the chunks' sizes.
std::string body_of(const std::string& answer) {
  std::string_view rest = std::string_view(answer).substr(std::min(answer.find("\r\n\r\n"), answer.size() - 4) + 4);
  std::string body;
  while (!rest.empty()) {
    const std::size_t line = rest.find("\r\n");
    if (line == std::string_view::npos) break;
    const std::size_t size = std::stoul(std::string(rest.substr(0, line)), nullptr, 16);
    if (size == 0) return body + "$";
    body += rest.substr(line + 2, size);
    rest.remove_prefix(std::min(rest.size(), line + 2 + size + 2));
  }
  return body;
}

constexpr const char* kValue = "s3cr3t-value-of-the-person-0123456789";
constexpr const char* kPlaceholder = "librebird-secret-0123456789";

class Streams : public ::testing::Test {
 protected:
  static Task<Result<std::string>> scripted(std::vector<std::string>* pieces) {
    if (pieces->empty()) co_return std::string();
    std::string piece = std::move(pieces->front());
    pieces->erase(pieces->begin());
    co_return piece;
  }
  Task<std::string> converse(CallPolicy policy, std::string text) {
    auto call = fence_.open(std::move(policy));
    std::string answer = co_await say(loop_.executor(), **call, std::move(text));
    events_ = (*call)->events();
    co_await (*call)->close();
    co_return answer;
  }
  std::string ask(CallPolicy policy) {
    return testkit::run_on(loop_, converse(std::move(policy), "GET https://api.example/ HTTP/1.1\r\n\r\n"));
  }
  static CallPolicy lending() {
    CallPolicy policy;
    policy.hosts = {"api.example"};
    policy.secrets = {{kPlaceholder, kValue, {"api.example"}}};
    return policy;
  }

  Loop loop_;
  Source source_;
  Fence fence_{loop_.executor(), source_};
  std::vector<EgressEvent> events_;
};

TEST_F(Streams, ASecretAcrossPiecesNeverReturns) {
  const std::string text = std::string("before ") + kValue + " between " + kValue + " after";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += size) pieces.push_back(text.substr(at, size));
    source_.next = [&pieces] { return scripted(&pieces); };
    const std::string body = body_of(ask(lending()));
    EXPECT_EQ(body, std::string("before ") + kPlaceholder + " between " + kPlaceholder + " after$") << size;
  }
}

TEST_F(Streams, WhatLooksLikeASecretIsFoundAcrossPieces) {
  struct Seen {
    std::string name;
    bool known = false;
  };
  struct Looker {
    std::string seen;
    std::optional<Seen> feed(std::string_view piece) {
      seen += piece;
      return seen.find("KEY-12345678") == std::string::npos ? std::nullopt : std::optional(Seen{"a key", false});
    }
    [[nodiscard]] std::optional<Seen> finish() const { return std::nullopt; }
  };
  const auto make = [] { return std::make_unique<Looker>(); };
  CallPolicy policy;
  policy.hosts = {"api.example"};
  policy.inspector = std::make_shared<WatchingInspector<decltype(make)>>(make);
  std::vector<std::string> pieces{"it is KEY", "-1234", "5678", "."};
  source_.next = [&pieces] { return scripted(&pieces); };
  EXPECT_THAT(ask(policy), HasSubstr("5678"));
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_[0].decision, EgressDecision::flagged);
}

// Reads what there is; the drop that comes next comes only when this one was seen.
Task<int> taste(Executor executor, Call* call, Signal* more, int* tasted, int drops) {
  Client client(executor);
  co_await client.async_connect({call->directory() + "/fence.sock"}, use_task);
  const std::string ask = "GET https://api.example/ HTTP/1.1\r\n\r\n";
  co_await boost::asio::async_write(client, boost::asio::buffer(ask), use_task);
  std::string seen;
  std::array<char, 1024> buffer;
  while (*tasted < drops) {
    boost::system::error_code error;
    const std::size_t got =
        co_await client.async_read_some(boost::asio::buffer(buffer), boost::asio::redirect_error(use_task, error));
    if (error) break;
    seen.append(buffer.data(), got);
    if (seen.find("drop " + std::to_string(*tasted) + "\n") == std::string::npos) continue;
    ++*tasted;
    more->notify_all();
  }
  co_return *tasted;
}

TEST_F(Streams, EachDropArrivesBeforeTheNextIsThere) {
  Signal more(loop_.executor());
  int drop = 0;
  int tasted = 0;
  const auto drip = [](Signal* wait, int* number, int* seen) -> Task<Result<std::string>> {
    while (*number > *seen) (void)co_await wait->wait();
    co_return "drop " + std::to_string((*number)++) + "\n";
  };
  source_.next = [&] { return drip(&more, &drop, &tasted); };
  auto call = fence_.open(lending());
  ASSERT_TRUE(call.ok());
  EXPECT_EQ(testkit::run_on(loop_, taste(loop_.executor(), call->get(), &more, &tasted, 20)), 20);
  drop = -1;  // the source goes on, so that nobody waits for it
  more.notify_all();
  testkit::run_on(loop_, closed(**call));
}

TEST_F(Streams, AnEndlessBodyIsCutAtItsLimitAndHeldNowhere) {
  const auto endless = []() -> Task<Result<std::string>> { co_return std::string(64 * 1024, 'x'); };
  source_.next = endless;
  CallPolicy policy;
  policy.hosts = {"api.example"};
  policy.limits.response_bytes = 10 << 20;
  const std::string answer = ask(policy);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(body_of(answer), Not(::testing::EndsWith("$"))) << "it must not look whole";
  EXPECT_LE(answer.size(), (11U << 20));
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_[0].decision, EgressDecision::denied);
  EXPECT_THAT(events_[0].reason, HasSubstr("is over"));

  // Of a call as well.
  policy.limits.response_bytes = 1 << 30;
  policy.limits.download_bytes = 5 << 20;
  EXPECT_LE(ask(policy).size(), (6U << 20));
  EXPECT_THAT(events_.at(0).reason, HasSubstr("received its"));
}

TEST_F(Streams, WhoDoesNotReadStopsTheServerNotUs) {
  const auto endless = []() -> Task<Result<std::string>> { co_return std::string(64 * 1024, 'x'); };
  source_.next = endless;
  auto call = fence_.open(lending());
  ASSERT_TRUE(call.ok());
  Client client(loop_.executor());
  client.connect({(*call)->directory() + "/fence.sock"});
  const std::string ask = "GET https://api.example/ HTTP/1.1\r\n\r\n";
  boost::asio::write(client, boost::asio::buffer(ask));
  // Everything that can happen has happened.
  loop_.context().restart();
  while (loop_.context().poll() > 0) {
  }
  EXPECT_GT(source_.reads, 0);
  EXPECT_LT(source_.reads, 64);
  client.close();
  testkit::run_on(loop_, closed(**call));
}

TEST_F(Streams, WhatIsTooLongIsRefusedBeforeTheFirstByte) {
  source_.headers = {{"Content-Length", "2000000000"}};
  source_.next = []() -> Task<Result<std::string>> { co_return std::string("x"); };
  CallPolicy policy;
  policy.hosts = {"api.example"};
  EXPECT_THAT(ask(policy), StartsWith("HTTP/1.1 413"));
  EXPECT_EQ(source_.reads, 0);
}

TEST_F(Streams, WhatBreaksOffIsNotTakenForWhole) {
  int piece = 0;
  const auto breaking = [](int* number) -> Task<Result<std::string>> {
    if (++*number > 2) co_return make_error(Code::unavailable, "The connection broke.");
    co_return std::string("part ");
  };
  source_.next = [&] { return breaking(&piece); };
  const std::string answer = ask(lending());
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(body_of(answer).find('$'), std::string::npos);
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_[0].decision, EgressDecision::failed);
}

}  // namespace
}  // namespace librebird::egress
