// A call's life: idle, bound, its events, its budgets, what is looked for in its traffic, its end.

#include "raw_fence.hpp"

namespace librebird::egress {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(Egress, AnIdleCallRefusesEverythingUntilItIsBound) {
  auto call = fence_.open_idle();
  ASSERT_TRUE(call.ok());
  const auto talk = [&](std::string text) {
    return testkit::run_on(loop_, say(loop_.executor(), **call, std::move(text)));
  };
  EXPECT_THAT(talk(get("https://wttr.in/")), StartsWith("HTTP/1.1 403"));
  CallPolicy wrong;
  wrong.hosts = {"a b"};
  const auto refused = (*call)->bind(wrong);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("a b"));
  EXPECT_THAT(talk(get("https://wttr.in/")), StartsWith("HTTP/1.1 403"));
  CallPolicy policy;
  policy.hosts = {"wttr.in"};
  ASSERT_TRUE((*call)->bind(policy).ok());
  http_.answers = {{200, {}, "sunny"}, {200, {}, "again"}};
  EXPECT_THAT(talk(get("https://wttr.in/")), HasSubstr("sunny"));
  EXPECT_EQ((*call)->events().size(), 1U);
  policy.hosts = {"other.example"};
  ASSERT_TRUE((*call)->bind(policy).ok());
  EXPECT_TRUE((*call)->events().empty());
  EXPECT_THAT(talk(get("https://wttr.in/")), StartsWith("HTTP/1.1 403"));
  testkit::run_on(loop_, closed(**call));
}

TEST_F(Egress, EventsSayWhatHappenedAndAreBounded) {
  std::vector<EgressEvent> told;
  CallPolicy policy;
  policy.hosts = {"http://wttr.in"};
  policy.limits.events = 3;
  policy.on_event = [&](const EgressEvent& event) { told.push_back(event); };
  http_.answers = {{200, {}, "four"}};
  std::string text = "POST http://wttr.in/p/a?secret=1 HTTP/1.1\r\nHost: wttr.in\r\nContent-Length: 2\r\n\r\nab";
  for (int i = 0; i < 5; ++i) text += "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n";
  ask(policy, text);
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0].method, "POST");
  EXPECT_EQ(told[0].path, "/p/a");
  EXPECT_EQ(told[0].status, 200);
  EXPECT_EQ(told[0].bytes_up, 2U);
  EXPECT_EQ(told[0].bytes_down, 4U);
  EXPECT_EQ(told[0].decision, EgressDecision::allowed);
  EXPECT_EQ(told[1].decision, EgressDecision::denied);
  EXPECT_EQ(told[1].host, "evil.example");
  EXPECT_THAT(told[2].reason, HasSubstr("further events"));
  EXPECT_EQ(events_.size(), 3U);
}

TEST_F(Egress, BudgetsOfACall) {
  const std::string one = "GET http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\n\r\n";
  CallPolicy policy;
  policy.hosts = {"http://wttr.in"};
  policy.limits.requests = 2;
  http_.answers.assign(3, {200, {}, "x"});
  EXPECT_THAT(ask(policy, one + one + one), HasSubstr("HTTP/1.1 429"));
  EXPECT_EQ(http_.requests.size(), 2U);
  policy.limits.requests = 100;
  policy.limits.download_bytes = 10;
  http_.answers = {{200, {{"Content-Length", "100"}}, std::string(100, 'x')}};
  const std::string cut = ask(policy, one);
  EXPECT_EQ(cut.find("xxx"), std::string::npos);
  EXPECT_EQ(events_.at(0).decision, EgressDecision::denied);
  policy.limits.upload_bytes = 10;
  EXPECT_THAT(ask(policy, "POST http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\nContent-Length: 11\r\n\r\n01234567890"),
              HasSubstr("HTTP/1.1 429"));
  policy.limits = {};
  policy.limits.body_bytes = 4;
  EXPECT_THAT(ask(policy, "POST http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\nContent-Length: 5\r\n\r\n01234"),
              HasSubstr("HTTP/1.1 413"));
  policy.limits = {};
  policy.limits.requests_per_second = 0.001;
  http_.requests.clear();
  http_.answers.assign(9, {200, {}, "x"});
  EXPECT_THAT(ask(policy, one + one), ::testing::AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("HTTP/1.1 429")));
}

TEST_F(Egress, ConnectionsOfACallAreBounded) {
  CallPolicy policy;
  policy.hosts = {"http://wttr.in"};
  policy.limits.connections = 2;
  auto call = fence_.open(policy);
  std::vector<Client> held;
  for (int i = 0; i < 2; ++i) {
    held.emplace_back(loop_.executor());
    held.back().connect({(*call)->directory() + "/fence.sock"});
  }
  EXPECT_THAT(testkit::run_on(loop_, say(loop_.executor(), **call, "")), StartsWith("HTTP/1.1 503"));
  held.clear();
  testkit::run_on(loop_, closed(**call));
}

TEST_F(Egress, AnAnswerOnlyAProxyMayGiveIsNotPassedOn) {
  for (const int status : {101, 407}) {
    http_.answers = {{status, {{"Proxy-Authenticate", "Basic"}}, ""}};
    EXPECT_THAT(ask("GET http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\n\r\n", {"http://wttr.in"}),
                StartsWith("HTTP/1.1 502"));
  }
}

struct Seen {
  std::string name;
  bool known = false;
};

// Knows one key's looks and one value; like a real scanner, it says so only when it has seen a byte more.
class Looker {
 public:
  std::optional<Seen> feed(std::string_view piece) {
    seen_ += piece;
    return look(seen_.substr(0, seen_.empty() ? 0 : seen_.size() - 1));
  }
  [[nodiscard]] std::optional<Seen> finish() const { return look(seen_); }

 private:
  static std::optional<Seen> look(const std::string& text) {
    if (text.find("KEY-12345678") != std::string::npos) return Seen{"a key", false};
    if (text.find("my own password") != std::string::npos) return Seen{"the setting password", true};
    return std::nullopt;
  }
  std::string seen_;
};

TEST_F(Egress, WhatLeaksIsStoppedAndWhatReturnsIsFlagged) {
  CallPolicy policy;
  policy.hosts = {"http://wttr.in", "wttr.in"};
  const auto make = [] { return std::make_unique<Looker>(); };
  policy.inspector = std::make_shared<WatchingInspector<decltype(make)>>(make);
  const std::string host = "Host: wttr.in\r\n";
  const std::string large(300'000, 'x');
  for (const std::string& text : std::vector<std::string>{
           "GET http://wttr.in/?k=KEY-12345678 HTTP/1.1\r\n" + host + "\r\n",
           "GET http://wttr.in/ HTTP/1.1\r\n" + host + "X: KEY-12345678\r\n\r\n",
           "GET http://wttr.in/ HTTP/1.1\r\n" + host + "Authorization: my own password\r\n\r\n",
           "POST http://wttr.in/ HTTP/1.1\r\n" + host + "Content-Length: 12\r\n\r\nKEY-12345678",
           "POST https://wttr.in/ HTTP/1.1\r\nContent-Length: 12\r\n\r\nKEY-12345678",
           "POST http://wttr.in/ HTTP/1.1\r\n" + host +
               "Transfer-Encoding: chunked\r\n\r\n6\r\nxKEY-1\r\n7\r\n2345678\r\n0\r\n\r\n",
           "POST http://wttr.in/ HTTP/1.1\r\n" + host + "Content-Length: 300012\r\n\r\n" + large + "KEY-12345678"}) {
    EXPECT_THAT(ask(policy, text), ::testing::AllOf(StartsWith("HTTP/1.1 403"), HasSubstr("looks like a secret")))
        << text.substr(0, 200);
    ASSERT_FALSE(events_.empty());
    EXPECT_EQ(events_[0].decision, EgressDecision::denied);
  }
  EXPECT_TRUE(http_.requests.empty()) << "a large body had begun to leave";
  // Credentials look like secrets because they are.
  http_.answers = {{200, {}, "fine"},
                   {200, {}, "it is KEY-12345678"},
                   {200, {{"X", "KEY-12345678"}}, ""},
                   {200, {}, "whole KEY-12345678"}};
  const std::string get = "GET http://wttr.in/ HTTP/1.1\r\n" + host;
  EXPECT_THAT(ask(policy, get + "Authorization: Bearer KEY-12345678\r\n\r\n" + get + "\r\n" + get + "\r\n" +
                              this->get("https://wttr.in/")),
              HasSubstr("fine"));
  ASSERT_EQ(events_.size(), 4U);
  EXPECT_EQ(events_[0].decision, EgressDecision::allowed);
  for (int i = 1; i < 4; ++i) EXPECT_EQ(events_[i].decision, EgressDecision::flagged) << i;
}

TEST_F(Egress, PrivateNetworksAreForExactHostsOfTheOperator) {
  CallPolicy policy;
  policy.hosts = {"index.corp"};
  policy.reach = Reach::any;
  http_.answers = {{200, {}, "x"}};
  EXPECT_THAT(ask(policy, get("https://index.corp/")), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(http_.requests.at(0).reach, Reach::any);
  for (const char* host : {"*", "*.corp", "http://*"}) {
    policy.hosts = {"index.corp", host};
    EXPECT_FALSE(fence_.open(policy).ok()) << host;
  }
}

TEST_F(Egress, ACallMayBeDroppedWithoutBeingClosed) {
  std::string directory;
  {
    auto idle = fence_.open_idle();
    directory = (*idle)->directory();
    loop_.poll();
    Client client(loop_.executor());
    client.connect({directory + "/fence.sock"});
    loop_.poll();
  }
  EXPECT_NE(::access(directory.c_str(), F_OK), 0);
  loop_.poll();
  {
    Loop loop;
    Fence fence(loop.executor(), http_);
    auto idle = fence.open_idle();
    directory = (*idle)->directory();
    loop.poll();
  }
  EXPECT_NE(::access(directory.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace librebird::egress
