#include <librebird/gateway/ws_session.hpp>

#include <librebird/gateway/testkit/world.hpp>

#include <algorithm>

namespace librebird::gateway {
namespace {

using namespace testkit;
using testing::ElementsAre;

class FakeSocket final : public net::WebSocket {
 public:
  explicit FakeSocket(Loop& loop) : incoming(loop.executor(), 1'000) {}
  Task<Result<std::optional<std::string>>> read() override {
    auto text = co_await incoming.pop();
    if (text) co_return std::optional<std::string>(std::move(*text));
    if (lost) co_return make_error(Code::unavailable, "The connection is lost.");
    co_return std::optional<std::string>();
  }
  bool send(std::shared_ptr<const std::string> text) override {
    if (too_slow) return false;
    if (close_code == 0) sent.push_back(*text);
    return true;
  }
  void close(std::uint16_t code, std::string reason) override {
    if (close_code == 0) close_code = code;
    EXPECT_LE(reason.size(), 123U);
    incoming.close();
  }
  void say(std::string text) { EXPECT_TRUE(incoming.try_push(std::move(text))); }

  Channel<std::string> incoming;
  std::vector<std::string> sent;
  int close_code = 0;
  bool too_slow = false;
  bool lost = false;
};

struct Connection {
  Connection(World& w, Principal principal, ConversationStore* conversations = nullptr)
      : world(w),
        presence(*w.bus),
        services{w.intake, w.hub,
                 *w.bus,   conversations != nullptr ? *conversations : w.stores.conversations(),
                 w.turns,  w.stores.messages(),
                 w.hands,  presence,
                 w.clock},
        socket(w.loop),
        session(services, Caller{std::move(principal), Caller::By::cookie, "hash", "csrf", ""}, "connection", socket),
        scope(w.loop.executor()) {
    scope.spawn(session.run(), "session");
  }
  Task<void> end() {
    socket.incoming.close();
    co_await scope.join();
  }
  // The answer to a frame with this id, and its type.
  Task<std::string> answer(std::string frame, std::string id) {
    const std::size_t from = socket.sent.size();
    socket.say(std::move(frame));
    std::string type;
    const auto found = [&] {
      for (std::size_t i = from; i < socket.sent.size(); ++i) {
        const auto json = boost::json::parse(socket.sent[i]).as_object();
        const auto* named = json.if_contains("id");
        if (named != nullptr && named->as_string() == id) {
          type = std::string(json.at("type").as_string());
          if (const auto* problem = json.if_contains("problem"))
            type += " " + std::string(problem->at("code").as_string());
        }
      }
      return !type.empty();
    };
    co_await world.until(found);
    co_return type;
  }
  [[nodiscard]] std::vector<std::string> types() const {
    std::vector<std::string> out;
    for (const auto& text : socket.sent) {
      out.emplace_back(boost::json::parse(text).as_object().at("type").as_string());
    }
    return out;
  }

  World& world;
  Presence presence;
  WsServices services;
  FakeSocket socket;
  WsSession session;
  Scope scope;
};

std::string subscribe(const std::string& conversation, const std::optional<Cursor>& cursor = {}) {
  std::string at;
  if (cursor) {
    at = R"(,"cursor":{"turn_id":")" + cursor->turn_id + R"(","attempt":)" + std::to_string(cursor->attempt) +
         R"(,"seq":)" + std::to_string(cursor->seq) + "}";
  }
  return R"({"type":"subscribe","id":"s","conversation_id":")" + conversation + "\"" + at + "}";
}

Task<void> frames(World& world) {
  Connection me(world, world.owner);
  const std::string id = co_await world.conversation(world.owner);
  EXPECT_EQ(co_await me.answer(R"({"type":"ping","id":"p"})", "p"), "pong");
  EXPECT_EQ(co_await me.answer(R"({"type":"dance","id":"d"})", "d"), "error invalid_argument");
  EXPECT_EQ(co_await me.answer(R"({"type":"ping","id":"e","extra":1})", "e"), "error invalid_argument");
  EXPECT_EQ(co_await me.answer(R"({"type":"cancel","id":"c","turn_id":"none"})", "c"), "error not_found");
  EXPECT_EQ(co_await me.answer(subscribe("none"), "s"), "error not_found");
  EXPECT_EQ(co_await me.answer(subscribe(id), "s"), "subscribed");
  EXPECT_EQ(
      co_await me.answer(
          R"({"type":"send","id":"m","conversation_id":")" + id + R"(","content":"hi","client_message_id":"1"})", "m"),
      "accepted");
  co_await world.until([&] { return std::ranges::count(me.types(), "turn.finished") == 1; });
  EXPECT_EQ(co_await me.answer(R"({"type":"unsubscribe","id":"u","conversation_id":")" + id + "\"}", "u"),
            "unsubscribed");
  EXPECT_EQ(me.types().front(), "hello");
  EXPECT_EQ(me.socket.close_code, 0);
  co_await me.end();
}
TEST(WsSession, AnswersEveryFrame) { play(frames); }

Task<void> malformed(World& world) {
  for (const char* bad : {"", "[]", "{", "nul", "{\"a\":\"\xff\"}"}) {
    Connection me(world, world.owner);
    me.socket.say(bad);
    co_await me.scope.join();
    EXPECT_EQ(me.socket.close_code, 1007) << bad;
    EXPECT_THAT(me.types(), ElementsAre("hello", "error"));
  }
}
TEST(WsSession, ClosesAfterWhatIsNoJsonObject) { play(malformed); }

Task<void> strangers(World& world) {
  const std::string id = co_await world.conversation(world.owner);
  const Principal other = world.stores.add_stranger();
  Connection spy(world, other);
  EXPECT_EQ(co_await spy.answer(subscribe(id), "s"), "error not_found");
  const auto said = co_await world.say(world.owner, id, "secret");
  EXPECT_EQ(co_await spy.answer(subscribe(co_await world.conversation(other), Cursor{said->turn.id, 0, 0}), "s"),
            "subscribed");
  EXPECT_EQ(co_await spy.answer(R"({"type":"cancel","id":"c","turn_id":")" + said->turn.id + "\"}", "c"),
            "error not_found");
  co_await world.until_final(said->turn.id, TurnStatus::done);
  EXPECT_EQ(co_await spy.answer(subscribe(co_await world.conversation(other), Cursor{said->turn.id, 1, 0}), "s"),
            "subscribed");
  for (const auto& text : spy.socket.sent) EXPECT_EQ(text.find("secret"), std::string::npos) << text;
  co_await spy.end();
}
TEST(WsSession, NothingOfAnotherUserIsTold) { play(strangers); }

Task<void> slow(World& world) {
  Connection me(world, world.owner);
  const std::string id = co_await world.conversation(world.owner);
  EXPECT_EQ(co_await me.answer(subscribe(id), "s"), "subscribed");
  me.socket.too_slow = true;
  const auto said = co_await world.say(world.owner, id, "hi");
  co_await me.scope.join();
  EXPECT_EQ(me.socket.close_code, 4408);
  co_await world.until_final(said->turn.id, TurnStatus::done);
}
TEST(WsSession, ASlowReaderIsSentAway) { play(slow); }

Task<void> revoked(World& world) {
  SessionRegistry registry;
  Principal mine = world.owner;
  mine.credential_id = "mine";
  Connection one(world, mine);
  Connection two(world, world.owner);
  registry.add(one.session);
  registry.add(two.session);
  EXPECT_EQ(registry.callers().size(), 1U);  // the same hash
  co_await sleep_for(Millis(1));
  registry.revoke("mine");
  co_await one.scope.join();
  EXPECT_EQ(one.socket.close_code, 4401);
  EXPECT_EQ(two.socket.close_code, 0);
  registry.remove(one.session);
  EXPECT_EQ(registry.size(), 1U);
  two.socket.lost = true;
  co_await two.end();
}
TEST(WsSession, ALostCredentialEndsItsConnections) { play(revoked); }

Task<void> limited(World& world) {
  Connection me(world, world.owner);
  std::string last;
  for (int i = 0; i < 256; ++i) {
    last = co_await world.conversation(world.owner);
    EXPECT_EQ(co_await me.answer(subscribe(last), "s"), "subscribed");
  }
  EXPECT_EQ(co_await me.answer(subscribe(last), "s"), "subscribed");
  EXPECT_EQ(co_await me.answer(subscribe(co_await world.conversation(world.owner)), "s"), "error resource_exhausted");
  co_await me.end();
}
TEST(WsSession, SubscriptionsAreBounded) { play(limited); }

void read(ProtocolClient& client, Connection& connection) {
  for (const auto& text : connection.socket.sent) client.apply(text);
}

Task<void> resumes(World& world) {
  world.brain.hold = true;
  const std::string id = co_await world.conversation(world.owner);
  ProtocolClient client;
  const auto said = co_await world.say(world.owner, id, "hi");
  {
    Connection first(world, world.owner);
    EXPECT_EQ(co_await first.answer(subscribe(id), "s"), "subscribed");
    co_await world.until([&] { return world.brain.running == 1 && first.socket.sent.size() >= 3; });
    // Subscribing again tells nothing twice.
    EXPECT_EQ(co_await first.answer(subscribe(id, Cursor{said->turn.id, 1, 2}), "s"), "subscribed");
    read(client, first);
    EXPECT_EQ(client.repeated, 0);
    co_await first.end();
  }
  EXPECT_EQ(client.shown(), R"([{"type":"text","text":"re: hi"}])");
  world.brain.release();
  co_await world.until_final(said->turn.id, TurnStatus::done);
  co_await world.until([&] { return world.hub.running() == 0; });
  Connection second(world, world.owner);
  EXPECT_EQ(co_await second.answer(subscribe(id, client.cursor), "s"), "subscribed");
  read(client, second);
  EXPECT_TRUE(client.finished);
  EXPECT_EQ(client.repeated + client.strangers, 0);
  EXPECT_EQ(boost::json::serialize(client.message.at("parts")), client.shown());
  co_await second.end();
}
TEST(WsSession, ResumesWhereTheClientWas) { play(resumes); }

Task<void> resumes_from_store(World& world) {
  const std::string id = co_await world.conversation(world.owner);
  const auto said = co_await world.say(world.owner, id, "hi");
  co_await world.until_final(said->turn.id, TurnStatus::done);
  co_await world.until([&] { return world.hub.running() == 0; });
  TurnHub empty(world.clock);  // as after a restart
  ProtocolClient client;
  client.cursor = Cursor{said->turn.id, 1, 1};
  EXPECT_TRUE(needs_store(empty, client.cursor));
  const auto events = co_await missing_stored(world.turns, world.stores.messages(), world.owner, said->turn.id);
  LB_CO_ASSERT(events.ok());
  for (const auto& event : *events) client.apply(*event);
  EXPECT_TRUE(client.finished);
  EXPECT_EQ(client.shown(), R"([{"type":"text","text":"re: hi"}])");
}
TEST(WsSession, ResumesFromTheStoreAfterARestart) { play(resumes_from_store); }

// Another member of the owner's workspace.
Task<Principal> member(World& world) {
  Principal who = world.stores.add_stranger();
  EXPECT_TRUE(co_await world.stores.workspaces().add_member(world.owner, who.user_id, Role::member));
  who.workspace_id = world.owner.workspace_id;
  who.role = Role::member;
  co_return who;
}
Task<SharingEvent> share(World& world, std::string id, Sharing sharing) {
  const auto before = co_await world.stores.conversations().get(world.owner, id);
  const auto now = co_await world.stores.conversations().share(world.owner, id, std::move(sharing));
  EXPECT_TRUE(now) << now.error().message;
  co_return sharing_of(*now, before->sharing);
}

Task<void> taken_back(World& world) {
  const Principal other = co_await member(world);
  const std::string id = co_await world.conversation(world.owner);
  const Sharing to_write{Access::none, {{other.user_id, Access::write}}};
  co_await share(world, id, to_write);
  Connection guest(world, other);
  EXPECT_EQ(co_await guest.answer(subscribe(id), "s"), "subscribed");
  guest.session.apply(co_await share(world, id, {Access::read, {}}));
  EXPECT_EQ(co_await guest.answer(R"({"type":"typing","id":"t","conversation_id":")" + id + "\"}", "t"),
            "error permission_denied");
  EXPECT_EQ(guest.presence.present(id).size(), 1U);
  guest.session.apply(co_await share(world, id, {}));
  EXPECT_EQ(guest.types().back(), "conversation.deleted");
  EXPECT_TRUE(guest.presence.present(id).empty());
  const std::size_t told = guest.socket.sent.size();
  world.bus->publish(conversation_topic(id), std::make_shared<const std::string>(R"({"type":"secret"})"));
  EXPECT_EQ(guest.socket.sent.size(), told);
  EXPECT_EQ(co_await guest.answer(subscribe(id), "s"), "error not_found");
  // What is none of its business is not told.
  const std::size_t before = guest.socket.sent.size();
  guest.session.apply({"elsewhere", id, "o", to_write, {}});
  guest.session.apply({world.owner.workspace_id, "another", "o", {}, {}});
  EXPECT_EQ(guest.socket.sent.size(), before);
  co_await guest.end();
}
TEST(WsSession, AShareTakenBackEndsTheSubscription) { play(taken_back); }

// Answers as it stood before the share was taken back, and lets that be said first.
class SlowConversations final : public ConversationStore {
 public:
  explicit SlowConversations(ConversationStore& real) : real_(real) {}
  std::function<Task<void>()> meanwhile;

  Task<Result<Conversation>> get(Principal principal, std::string id) override {
    auto found = co_await real_.get(std::move(principal), std::move(id));
    co_await meanwhile();
    co_return found;
  }
  Task<Result<std::vector<Conversation>>> get_all(std::vector<std::string> ids) override {
    return real_.get_all(std::move(ids));
  }
  Task<Result<Conversation>> create(Principal principal, std::string title) override {
    return real_.create(std::move(principal), std::move(title));
  }
  Task<Result<Page<Conversation>>> list(Principal principal, ConversationFilter filter) override {
    return real_.list(std::move(principal), std::move(filter));
  }
  Task<Result<Conversation>> update(Principal principal, std::string id, std::optional<std::string> title,
                                    std::optional<bool> archived) override {
    return real_.update(std::move(principal), std::move(id), std::move(title), archived);
  }
  Task<Result<Conversation>> share(Principal principal, std::string id, Sharing sharing) override {
    return real_.share(std::move(principal), std::move(id), std::move(sharing));
  }
  Task<Status> remove(Principal principal, std::string id) override {
    return real_.remove(std::move(principal), std::move(id));
  }

 private:
  ConversationStore& real_;
};

Task<void> take_it_back(World& world, std::string id, WsSession*& session) {
  session->apply(co_await share(world, id, {}));
}

Task<void> overtaken(World& world) {
  const Principal other = co_await member(world);
  const std::string id = co_await world.conversation(world.owner);
  co_await share(world, id, {Access::none, {{other.user_id, Access::write}}});
  SlowConversations slow_store(world.stores.conversations());
  WsSession* session = nullptr;
  slow_store.meanwhile = [&] { return take_it_back(world, id, session); };
  Connection guest(world, other, &slow_store);
  session = &guest.session;
  EXPECT_EQ(co_await guest.answer(subscribe(id), "s"), "error not_found");
  EXPECT_TRUE(guest.presence.present(id).empty());
  const std::size_t told = guest.socket.sent.size();
  world.bus->publish(conversation_topic(id), std::make_shared<const std::string>(R"({"type":"secret"})"));
  EXPECT_EQ(guest.socket.sent.size(), told);
  co_await guest.end();
}
TEST(WsSession, AShareTakenBackWhileSubscribingEndsItToo) { play(overtaken); }

Task<void> guests(World& world) {
  Principal guest = co_await member(world);
  guest.role = Role::guest;
  const std::string id = co_await world.conversation(world.owner);
  co_await share(world, id, {Access::write, {}});
  Connection me(world, guest);
  EXPECT_EQ(co_await me.answer(subscribe(id), "s"), "subscribed");
  EXPECT_EQ(
      co_await me.answer(
          R"({"type":"send","id":"m","conversation_id":")" + id + R"(","content":"x","client_message_id":"1"})", "m"),
      "error permission_denied");
  EXPECT_EQ(co_await me.answer(R"({"type":"decide","id":"d","approval_id":"a","decision":"once"})", "d"),
            "error permission_denied");
  EXPECT_EQ(co_await me.answer(R"({"type":"ping","id":"p"})", "p"), "pong");
  co_await me.end();
}
TEST(WsSession, AFrameNeedsItsPermission) { play(guests); }

}  // namespace
}  // namespace librebird::gateway
