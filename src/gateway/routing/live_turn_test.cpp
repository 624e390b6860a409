#include <librebird/gateway/live_turn.hpp>

#include <librebird/bus/memory_event_bus.hpp>
#include <librebird/gateway/catch_up.hpp>
#include <librebird/gateway/testkit/faulty_turn_store.hpp>
#include <librebird/gateway/testkit/protocol_client.hpp>
#include <librebird/gateway/views.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

namespace librebird::gateway {
namespace {

using testkit::ProtocolClient;

std::string shown(const std::vector<MessagePart>& parts) {
  return boost::json::serialize(boost::json::parse(view(parts)));
}

// Equal, told briefly: these texts are long.
testing::AssertionResult same(const std::string& a, const std::string& b) {
  const auto [at, _] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (at == a.end() && a.size() == b.size()) return testing::AssertionSuccess();
  const auto from = static_cast<std::size_t>(std::max<std::ptrdiff_t>(at - a.begin() - 60, 0));
  return testing::AssertionFailure() << "..." << a.substr(from, 120) << "\n  against\n..." << b.substr(from, 120);
}

class LiveTurnTest : public testing::Test {
 public:
  LiveTurnTest() {
    leased.turn.id = "turn";
    leased.turn.conversation_id = "conversation";
    leased.turn.status = TurnStatus::running;
    leased.turn.attempt = 1;
  }
  void begin() {
    live = std::make_shared<LiveTurn>(loop, *bus, store, "owner", leased);
    hub.add(live);
    live->begin(leased);
  }
  static std::vector<std::string> types(const std::vector<EventBus::Payload>& events) {
    std::vector<std::string> out;
    for (const auto& event : events) {
      const auto json = boost::json::parse(*event).as_object();
      out.push_back(std::string(json.at("type").as_string()) + "#" +
                    std::to_string(json.at("seq").to_number<std::uint64_t>()));
    }
    return out;
  }

  Loop loop;
  ManualClock clock;
  testkit::FaultyTurnStore store{nullptr, loop};
  std::unique_ptr<EventBus> bus = bus::make_memory_event_bus();
  TurnHub hub{clock};
  LeasedTurn leased;
  std::shared_ptr<LiveTurn> live;
};

TEST_F(LiveTurnTest, TextOfOneRunOfTheLoopIsOneDelta) {
  begin();
  live->on_text("a");
  live->on_text("");
  live->on_text("b");
  EXPECT_EQ(live->seq(), 1U);
  loop.poll();
  live->on_text("c");
  live->on_tool_call({"call", "tool", "{}"});
  loop.poll();
  EXPECT_THAT(types(live->missing(1, 0)),
              testing::ElementsAre("turn.started#1", "turn.delta#2", "turn.delta#3", "turn.tool_call#4"));
}

TEST_F(LiveTurnTest, MissingIsExact) {
  begin();
  live->on_text("a");
  live->on_tool_call({"call", "tool", "{}"});
  EXPECT_THAT(types(live->missing(1, 2)), testing::ElementsAre("turn.tool_call#3"));
  EXPECT_THAT(types(live->missing(1, 3)), testing::IsEmpty());
  EXPECT_THAT(types(live->missing(1, 4)), testing::ElementsAre("turn.snapshot#3"));
  EXPECT_THAT(types(live->missing(0, 3)), testing::ElementsAre("turn.snapshot#3"));
  EXPECT_THAT(types(live->missing(2, 0)), testing::ElementsAre("turn.snapshot#3"));
  EXPECT_THAT(types(live->missing(1, ~0ULL)), testing::ElementsAre("turn.snapshot#3"));
  live->on_tool_result({"nobody's", ToolStatus::ok, "1", Millis(1)});
  EXPECT_EQ(live->seq(), 3U);
  Turn done = live->turn();
  done.status = TurnStatus::done;
  live->finish(done, std::nullopt);
  EXPECT_THAT(types(live->missing(1, 3)), testing::ElementsAre("turn.finished#4"));
  EXPECT_THAT(types(live->missing(1, 4)), testing::IsEmpty());
  EXPECT_THAT(types(live->missing(0, 9)), testing::ElementsAre("turn.finished#4"));
  live->on_text("too late");
  loop.poll();
  EXPECT_EQ(live->seq(), 4U);
}

TEST_F(LiveTurnTest, WhatIsKeptIsBoundedAndItsBytesAreCounted) {
  leased.journal.push_back({0, ModelAnswer{std::string(400'000, 'j'), {}, FinishReason::stop, {}, {}}});
  begin();
  for (int i = 0; i < 2'040; ++i) {
    live->on_text("x");
    loop.poll();
  }
  EXPECT_EQ(live->missing(1, 2).size(), 2'040U);
  for (int i = 0; i < 20; ++i) {
    live->on_text("y");
    loop.poll();
  }
  // The journal's snapshot left the list; the events after it must not leave with it.
  EXPECT_EQ(live->missing(1, 2'000).size(), 62U);
  live->on_text(std::string(600'000, 'z'));
  loop.poll();
  EXPECT_EQ(types(live->missing(1, 2'000)).front(), "turn.snapshot#2063");
  EXPECT_EQ(live->missing(1, 2'062).size(), 1U);
}

TEST_F(LiveTurnTest, OpenCallsCountAsInterruptedAtTheEnd) {
  begin();
  live->on_tool_call({"a", "tool", "{}"});
  live->on_tool_call({"b", "tool", "not json"});
  live->on_tool_result({"b", ToolStatus::ok, "1", Millis(1)});
  live->on_text("and");
  const auto parts = live->parts_at_end();
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(std::get<ToolCallPart>(parts[0]).result->status, ToolStatus::interrupted);
  EXPECT_EQ(std::get<ToolCallPart>(parts[1]).result->status, ToolStatus::ok);
  EXPECT_EQ(std::get<TextPart>(parts[2]).text, "and");
}

TEST_F(LiveTurnTest, TheHubForgetsTurnsThatGoOnElsewhere) {
  begin();
  const auto first = live;
  hub.retire(first);  // its lease was lost
  EXPECT_EQ(hub.find("turn"), nullptr);
  leased.turn.attempt = 2;
  begin();  // it came back here
  Turn done = live->turn();
  done.status = TurnStatus::done;
  live->finish(done, std::nullopt);
  hub.retire(live);
  EXPECT_EQ(hub.find("turn"), live);
  EXPECT_EQ(hub.running_in("conversation"), nullptr);
  clock.advance(Millis(60'001));
  leased.turn.id = "other";
  begin();
  live->finish(done, std::nullopt);
  hub.retire(live);
  EXPECT_EQ(hub.find("turn"), nullptr);
}

// A brain that loses its connection now and then, and clients that come and go at any moment.
class RandomTurn : public LiveTurnTest, public testing::WithParamInterface<unsigned> {
 public:
  struct Client {
    ProtocolClient view;
    std::unique_ptr<EventBus::Subscription> subscription;
  };
  std::size_t roll(std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random); }

  void reconnect(Client& client) {
    client.subscription.reset();
    // As WsSession: what is missing, then every later event.
    const auto missing = missing_live(hub, "conversation", client.view.cursor);
    client.subscription = bus->subscribe("conversation:conversation",
                                         [&client](const EventBus::Payload& event) { client.view.apply(*event); });
    for (const auto& event : missing) client.view.apply(*event);
  }
  void disturb() {
    if (roll(3) == 0) loop.poll();
    for (Client& client : clients) {
      const auto what = roll(12);
      if (what == 0) client.subscription.reset();
      if (what == 1) reconnect(client);
    }
  }
  void say(std::string& text) {
    static const std::string kPieces[] = {"a", "\"}", "\u2068", "\n", "snapshot", std::string(3'000, 'w')};
    const std::string piece = roll(60) == 0 ? std::string(60'000, 'L') : kPieces[roll(std::size(kPieces))];
    text += piece;
    live->on_text(piece);
  }
  void answer_calls() {
    for (const MessagePart& part : parts_of(journal)) {
      const auto* open = std::get_if<ToolCallPart>(&part);
      if (open == nullptr || open->result) continue;
      const ToolResult result{open->call.id, ToolStatus::ok, roll(2) == 0 ? R"({"seq":1})" : "broken", Millis(3)};
      journal.push_back({static_cast<int>(journal.size()), result});
      live->on_tool_result(result);
      disturb();
    }
  }
  void attempt(bool breaks) {
    answer_calls();
    const auto steps = roll(5);
    for (std::size_t step = 0;; ++step) {
      std::string text;
      const auto pieces = roll(80) == 0 ? 2'500 : roll(20);
      for (std::size_t i = 0; i < pieces; ++i) {
        say(text);
        if (pieces > 100) loop.poll();
        disturb();
        if (breaks && roll(30) == 0) return;
      }
      if (step >= steps && !breaks) {
        journal.push_back({static_cast<int>(journal.size()), ModelAnswer{text, {}, FinishReason::stop, {}, {}}});
        return;
      }
      ModelAnswer answer{text, {}, FinishReason::tool_calls, {}, {}};
      for (std::size_t i = 0; i <= roll(3); ++i) {
        answer.tool_calls.push_back({"call" + std::to_string(calls++), "tool", R"({"turn_id":"turn"})"});
      }
      journal.push_back({static_cast<int>(journal.size()), answer});
      for (const ToolCall& call : answer.tool_calls) {
        live->on_tool_call(call);
        disturb();
      }
      if (breaks && roll(3) == 0) return;
      answer_calls();
    }
  }

  std::mt19937 random{GetParam()};
  std::vector<Client> clients = std::vector<Client>(5);
  std::vector<TurnStep> journal;
  int calls = 0;
};

TEST_P(RandomTurn, EveryClientEndsWithExactlyTheSameParts) {
  for (int round = 0; round < 8; ++round) {
    journal.clear();
    leased.journal.clear();
    leased.turn.attempt = 1;
    leased.turn.status = TurnStatus::running;
    for (Client& client : clients) client.view = {};
    begin();
    for (auto breaks = roll(4); breaks > 0; --breaks) {
      attempt(true);
      ++leased.turn.attempt;
      leased.journal = journal;
      live->begin(leased);
      disturb();
    }
    attempt(false);
    const std::string expected = shown(parts_of(journal));
    ASSERT_TRUE(same(shown(live->parts_at_end()), expected));
    const bool before_the_end = roll(2) == 0;
    if (before_the_end) {
      for (Client& client : clients) {
        if (!client.subscription || !client.view.cursor) reconnect(client);
      }
      loop.poll();
      for (const Client& client : clients) ASSERT_TRUE(same(client.view.shown(), expected));
    }
    Message message;
    message.role = MessageRole::assistant;
    message.parts = live->parts_at_end();
    Turn done = live->turn();
    done.status = TurnStatus::done;
    live->finish(done, message);
    hub.retire(live);
    for (Client& client : clients) {
      if (!client.view.cursor) continue;  // had never heard of this turn: nothing to resume
      if (!client.view.finished) reconnect(client);
      ASSERT_TRUE(client.view.finished);
      ASSERT_TRUE(same(client.view.shown(), expected));
      ASSERT_TRUE(same(boost::json::serialize(client.view.message.at("parts")), expected));
    }
    for (Client& client : clients) client.subscription.reset();
    loop.poll();
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomTurn, testing::Range(0U, 8U));

TEST_F(LiveTurnTest, QuestionsAndProgressAreNumberedAndKept) {
  begin();
  const ToolCall call{"call", "send", R"({"to":"\ud800","a":"</script>"})"};
  live->on_tool_call(call);
  Approval question;
  question.id = "q";
  question.call = call;
  question.use.hosts = {"a.example", "*"};
  question.use.writes = true;
  live->on_approval(question);
  live->on_tool_progress({"call", 0.5, "half"});
  EXPECT_EQ(types(live->missing(1, 2)), (std::vector<std::string>{"tool.approval#3", "tool.progress#4"}));
  ProtocolClient client;
  client.apply(*live->snapshot());
  ASSERT_EQ(client.questions.size(), 1U);
  const auto& shown_question = client.questions[0].as_object();
  EXPECT_EQ(boost::json::serialize(shown_question.at("hosts")), R"(["a.example","*"])");
  EXPECT_EQ(boost::json::serialize(shown_question.at("does")), R"(["writes"])");
  EXPECT_TRUE(shown_question.at("conversation_id").is_null());
  question.state = ApprovalState::granted;
  live->on_approval(question);
  for (const auto& event : live->missing(1, 4)) client.apply(*event);
  EXPECT_TRUE(client.questions.empty());
  ProtocolClient late;
  late.apply(*live->snapshot());
  EXPECT_TRUE(late.questions.empty());
  // Another attempt begins without the questions of the one before.
  live->on_approval([&] {
    Approval open = question;
    open.state = ApprovalState::open;
    return open;
  }());
  leased.turn.attempt = 2;
  live->begin(leased);
  late.apply(*live->snapshot());
  EXPECT_TRUE(late.questions.empty());
}

}  // namespace
}  // namespace librebird::gateway
