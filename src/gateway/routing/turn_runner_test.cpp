#include <librebird/gateway/turn_runner.hpp>

#include <librebird/gateway/testkit/world.hpp>

namespace librebird::gateway {
namespace {

using namespace testkit;
using testing::ElementsAre;

// Scripts of the brain.
Task<Result<ChatOutcome>> lost_brain(ChatRequest, ChatObserver& observer, std::stop_token) {
  observer.on_text("half an ans");
  co_return make_error(Code::unavailable, "The brain is gone.");
}
Task<Result<ChatOutcome>> journals_then_lost(ChatRequest, ChatObserver& observer, std::stop_token) {
  observer.on_text("first");
  const ToolCall call{"call", "tool", "{}"};
  const Status stored = co_await observer.journal({0, ModelAnswer{"first", {call}, FinishReason::tool_calls, {}, {}}});
  EXPECT_TRUE(stored);
  observer.on_tool_call(call);
  co_return make_error(Code::unavailable, "The brain is gone.");
}
Task<Result<ChatOutcome>> goes_on_from_journal(ChatRequest request, ChatObserver& observer, std::stop_token) {
  EXPECT_EQ(request.journal.size(), 1U);
  const ToolResult result{"call", ToolStatus::interrupted, "{}", Millis(0)};
  EXPECT_TRUE(co_await observer.journal({1, result}));
  observer.on_tool_result(result);
  observer.on_text("second");
  co_return outcome_of("second");
}
Task<Result<ChatOutcome>> model_error(ChatRequest, ChatObserver&, std::stop_token) {
  co_return make_error(Code::unauthenticated, "The key is refused.");
}
Task<Result<ChatOutcome>> journals(ChatRequest, ChatObserver& observer, std::stop_token) {
  const Status stored = co_await observer.journal({0, ModelAnswer{"a", {}, FinishReason::tool_calls, {}, {}}});
  if (!stored) co_return stored.error();
  co_return outcome_of("a");
}

std::vector<std::string> asked(const World& world) {
  std::vector<std::string> out;
  for (const ChatRequest& request : world.brain.requests) out.push_back(request.history.back().content);
  return out;
}

Task<void> in_order(World& world) {
  const std::string a = co_await world.conversation(world.owner);
  std::vector<std::string> turns;
  for (const char* text : {"1", "2", "3"}) turns.push_back((co_await world.say(world.owner, a, text))->turn.id);
  for (const std::string& id : turns) co_await world.until_final(id, TurnStatus::done);
  EXPECT_THAT(asked(world), ElementsAre("1", "2", "3"));
  EXPECT_EQ(world.brain.most_running, 1);
  // What was answered is in the history of what follows.
  EXPECT_EQ(world.brain.requests[2].history.size(), 5U);
  co_await world.until([&] { return world.runner.waiting() == 0 && world.hub.running() == 0; });
}
TEST(TurnRunner, AConversationIsALane) { play(in_order); }

Task<void> fair(World& world) {
  const Principal other = world.stores.add_stranger();
  world.brain.hold = true;
  for (int i = 0; i < 6; ++i) {
    (void)co_await world.say(world.owner, co_await world.conversation(world.owner), "mine " + std::to_string(i));
  }
  const auto theirs = co_await world.say(other, co_await world.conversation(other), "theirs");
  LB_CO_ASSERT(theirs.ok());
  co_await world.until([&] { return world.brain.running == 1; });
  EXPECT_EQ(world.runner.waiting(), 6U);
  world.brain.release();
  co_await world.until([&] { return world.brain.requests.size() == 7 && world.runner.waiting() == 0; });
  // The first ran already; of those who wait, the other user comes second at the latest.
  EXPECT_TRUE(asked(world)[1] == "theirs" || asked(world)[2] == "theirs");
  EXPECT_EQ(world.brain.most_running, 1);
}
TEST(TurnRunner, AUserWithManyConversationsDoesNotStarveAnother) {
  play(fair, {.runner = {.owner = "test", .concurrent_turns = 1}});
}

Task<void> brain_comes_back(World& world) {
  world.brain.script = {lost_brain, journals_then_lost, goes_on_from_journal};
  ProtocolClient client;
  const std::string id = co_await world.conversation(world.owner);
  const auto heard = world.bus->subscribe(conversation_topic(id), [&](const auto& event) { client.apply(*event); });
  const auto said = co_await world.say(world.owner, id, "hello");
  LB_CO_ASSERT(co_await world.until_final(said->turn.id, TurnStatus::done));
  // Told after it is on disk: who reads the store may know it first.
  LB_CO_ASSERT(co_await world.until([&] { return client.finished; }));
  EXPECT_EQ((co_await world.turn(said->turn.id)).attempt, 3);
  const auto answer = co_await world.stores.messages().answer_of(world.owner, said->turn.id);
  LB_CO_ASSERT(answer.ok() && answer->has_value());
  EXPECT_EQ((*answer)->content, "first\n\nsecond");
  EXPECT_EQ((*answer)->parts.size(), 3U);
  EXPECT_EQ(client.shown(), boost::json::serialize(client.message.at("parts")));
}
TEST(TurnRunner, GoesOnFromTheJournalWhenTheBrainWasLost) { play(brain_comes_back); }

Task<void> brain_stays_away(World& world) {
  for (int i = 0; i < 50; ++i) world.brain.script.emplace_back(lost_brain);
  const auto said = co_await world.say(world.owner, co_await world.conversation(world.owner), "hello");
  co_await world.until_final(said->turn.id, TurnStatus::failed);
  const Turn turn = co_await world.turn(said->turn.id);
  EXPECT_EQ(turn.error->code, "unavailable");
  EXPECT_LT(turn.attempt, 10);
  world.brain.script.clear();
}
TEST(TurnRunner, GivesUpOnABrainThatStaysAway) {
  play(brain_stays_away, {.runner = {.owner = "test", .brain_retry_limit = Millis(300)}});
}

Task<void> retake_waits(World& world) {
  world.brain.script = {lost_brain};
  world.turns.retake_errors = {make_error(Code::unavailable, "busy"), make_error(Code::unavailable, "busy")};
  const auto said = co_await world.say(world.owner, co_await world.conversation(world.owner), "hello");
  co_await world.until_final(said->turn.id, TurnStatus::done);
}
TEST(TurnRunner, ABusyDatabaseDoesNotFailATurnThatIsTakenAnew) { play(retake_waits); }

Task<void> model_fails(World& world) {
  world.brain.script = {model_error};
  const std::string id = co_await world.conversation(world.owner);
  const auto said = co_await world.say(world.owner, id, "hello");
  co_await world.until_final(said->turn.id, TurnStatus::failed);
  const auto answer = co_await world.stores.messages().answer_of(world.owner, said->turn.id);
  EXPECT_EQ((*answer)->error->code, "unauthenticated");
  const auto next = co_await world.say(world.owner, id, "again");
  co_await world.until_final(next->turn.id, TurnStatus::done);
}
TEST(TurnRunner, AFailedTurnDoesNotBlockItsLane) { play(model_fails); }

Task<void> cancel_both(World& world) {
  world.brain.hold = true;
  ProtocolClient client;
  const std::string id = co_await world.conversation(world.owner);
  std::vector<std::string> ends;
  const auto heard = world.bus->subscribe(conversation_topic(id), [&](const auto& event) {
    if (event->find("turn.finished") != std::string::npos) ends.push_back(*event);
  });
  const auto first = co_await world.say(world.owner, id, "first");
  const auto second = co_await world.say(world.owner, id, "second");
  const auto third = co_await world.say(world.owner, id, "third");
  co_await world.until([&] { return world.brain.running == 1; });
  EXPECT_EQ((co_await world.intake.cancel(world.owner, second->turn.id))->status, TurnStatus::cancelled);
  EXPECT_EQ((co_await world.intake.cancel(world.owner, first->turn.id))->status, TurnStatus::running);
  co_await world.until_final(first->turn.id, TurnStatus::cancelled);
  const auto answer = co_await world.stores.messages().answer_of(world.owner, first->turn.id);
  EXPECT_EQ((*answer)->content, "re: first");
  EXPECT_EQ((*answer)->status, MessageStatus::stopped);
  world.brain.release();
  co_await world.until_final(third->turn.id, TurnStatus::done);
  EXPECT_THAT(asked(world), ElementsAre("first", "third"));
  co_await world.until([&] { return ends.size() == 3; });
  // Asked again, nothing is told that contradicts the end.
  EXPECT_EQ((co_await world.intake.cancel(world.owner, first->turn.id))->status, TurnStatus::cancelled);
  EXPECT_EQ((co_await world.intake.cancel(world.owner, third->turn.id))->status, TurnStatus::done);
  EXPECT_EQ(ends.size(), 3U);
  // The lane looks once more for work after its last turn.
  co_await world.until([&] { return world.runner.waiting() == 0; });
  const Principal other = world.stores.add_stranger();
  EXPECT_EQ((co_await world.intake.cancel(other, first->turn.id)).error().code, Code::not_found);
}
TEST(TurnRunner, CancelsQueuedAndRunningTurnsOnce) { play(cancel_both); }

Task<void> full_disk(World& world) {
  world.turns.disk_full = true;
  ProtocolClient client;
  const std::string id = co_await world.conversation(world.owner);
  const auto heard = world.bus->subscribe(conversation_topic(id), [&](const auto& event) { client.apply(*event); });
  const auto said = co_await world.say(world.owner, id, "hello");
  co_await world.until([&] { return world.turns.finishes >= 3; });
  EXPECT_FALSE(client.finished);
  world.turns.disk_full = false;
  co_await world.until_final(said->turn.id, TurnStatus::done);
  co_await world.until([&] { return client.finished; });
}
TEST(TurnRunner, AFinishedTurnWaitsOutAFullDisk) { play(full_disk); }

Task<void> refused_for_good(World& world) {
  world.turns.finish_errors = {make_error(Code::invalid_argument, "no such text")};
  ProtocolClient client;
  const std::string id = co_await world.conversation(world.owner);
  const auto heard = world.bus->subscribe(conversation_topic(id), [&](const auto& event) { client.apply(*event); });
  const auto said = co_await world.say(world.owner, id, "hello");
  const auto next = co_await world.say(world.owner, id, "and now?");
  co_await world.until_final(said->turn.id, TurnStatus::failed);
  EXPECT_EQ((co_await world.turn(said->turn.id)).error->detail, "The answer could not be stored: no such text");
  EXPECT_FALSE((co_await world.stores.messages().answer_of(world.owner, said->turn.id))->has_value());
  co_await world.until_final(next->turn.id, TurnStatus::done);
}
TEST(TurnRunner, AnAnswerThatTheStoreRefusesForGoodDoesNotBlockItsLane) { play(refused_for_good); }

Task<void> stop_on_full_disk(World& world) {
  world.turns.disk_full = true;
  const auto said = co_await world.say(world.owner, co_await world.conversation(world.owner), "hello");
  co_await world.until([&] { return world.turns.finishes >= 1; });
  co_await world.stop(Millis(50));
  const Turn turn = co_await world.turn(said->turn.id);
  EXPECT_EQ(turn.status, TurnStatus::queued);
}
TEST(TurnRunner, StopsOnAFullDiskAndLeavesTheTurnToTheNextStart) { play(stop_on_full_disk); }

Task<void> lease_lost(World& world) {
  world.brain.script = {journals};
  world.turns.append_errors = {make_error(Code::failed_precondition, "not yours")};
  const std::string id = co_await world.conversation(world.owner);
  const auto said = co_await world.say(world.owner, id, "hello");
  co_await world.until([&] { return world.brain.requests.size() == 1 && world.hub.running() == 0; });
  EXPECT_EQ(world.turns.finishes, 0);
  EXPECT_EQ(world.hub.find(said->turn.id), nullptr);
  EXPECT_EQ((co_await world.turn(said->turn.id)).status, TurnStatus::running);
}
TEST(TurnRunner, ATurnThatIsAnothersIsLeftAlone) { play(lease_lost); }

Task<void> abandon(World& world) {
  world.brain.hold = true;
  const std::string id = co_await world.conversation(world.owner);
  const auto running = co_await world.say(world.owner, id, "hello");
  const auto waiting = co_await world.say(world.owner, id, "more");
  co_await world.until([&] { return world.brain.running == 1; });
  co_await world.stop(Millis(30));
  EXPECT_EQ(world.brain.running, 0);
  EXPECT_EQ((co_await world.turn(running->turn.id)).status, TurnStatus::queued);
  EXPECT_EQ((co_await world.turn(waiting->turn.id)).status, TurnStatus::queued);
  EXPECT_EQ(world.turns.finishes, 0);
  EXPECT_EQ(world.hub.running(), 0U);
  // The next start takes both up, in order.
  world.brain.release();
  TurnRunner next(world.loop, world.clock, world.ids, world.turns, world.brain, *world.bus, world.hub,
                  world.list_events, {.owner = "test"});
  EXPECT_TRUE(co_await next.start());
  co_await world.until_final(waiting->turn.id, TurnStatus::done);
  EXPECT_EQ((co_await world.turn(running->turn.id)).status, TurnStatus::done);
  EXPECT_THAT(asked(world), ElementsAre("hello", "hello", "more"));
  co_await next.stop(Millis(1'000));
  co_await world.list_events.stop();
}
TEST(TurnRunner, AbandonedTurnsAreTakenUpByTheNextStart) { play(abandon); }

Task<void> drain(World& world) {
  world.brain.hold = true;
  const auto said = co_await world.say(world.owner, co_await world.conversation(world.owner), "hello");
  co_await world.until([&] { return world.brain.running == 1; });
  world.loop.post([&world] { world.brain.release(); });
  co_await world.stop(Millis(5'000));
  EXPECT_EQ((co_await world.turn(said->turn.id)).status, TurnStatus::done);
}
TEST(TurnRunner, StopLetsARunningTurnEnd) { play(drain); }

Task<void> let_go_later(World& world) {
  co_await sleep_for(Millis(60));
  world.turns.hold_lease_answer = false;
  world.turns.changed.notify_all();
}

Task<void> leased_at_stop(World& world) {
  world.brain.hold = true;
  world.turns.hold_lease_answer = true;
  const auto said = co_await world.say(world.owner, co_await world.conversation(world.owner), "hello");
  co_await world.until([&] { return world.turns.leases == 1; });
  Scope scope(world.loop.executor());
  scope.spawn(let_go_later(world), "later");
  co_await world.stop(Millis(10));
  co_await scope.join();
  EXPECT_TRUE(world.brain.requests.empty());
  EXPECT_EQ((co_await world.turn(said->turn.id)).status, TurnStatus::queued);
}
TEST(TurnRunner, ATurnLeasedWhileStoppingIsGivenBack) { play(leased_at_stop); }

// The store says it runs, the runner does not know it yet.
Task<void> stopped_while_leased(World& world) {
  world.turns.hold_lease_answer = true;
  const auto said = co_await world.say(world.owner, co_await world.conversation(world.owner), "hello");
  world.brain.hold = true;
  Turn turn = co_await world.turn(said->turn.id);
  for (int i = 0; i < 2000 && turn.status == TurnStatus::queued; ++i) {
    co_await sleep_for(Millis(2));
    turn = co_await world.turn(said->turn.id);
  }
  EXPECT_EQ((co_await world.intake.cancel(world.owner, said->turn.id))->status, TurnStatus::running);
  world.turns.hold_lease_answer = false;
  world.turns.changed.notify_all();
  co_await world.until_final(said->turn.id, TurnStatus::cancelled);
}
TEST(TurnRunner, AStopWhileTheTurnIsLeasedIsNotForgotten) { play(stopped_while_leased); }

Task<void> woken_while_asking(World& world) {
  const std::string id = co_await world.conversation(world.owner);
  world.turns.hold_lease_answer = true;
  world.runner.wake(id, world.owner.user_id);  // there is nothing: the store will say so, late
  co_await world.until([&] { return world.turns.leases == 1; });
  for (int i = 0; i < 10; ++i) co_await sleep_for(Millis(2));
  const auto said = co_await world.say(world.owner, id, "hello");
  co_await let_go_later(world);
  co_await world.until_final(said->turn.id, TurnStatus::done);
  co_await world.until([&] { return world.runner.waiting() == 0; });
}
TEST(TurnRunner, AMessageThatComesWhileTheStoreIsAskedIsNotForgotten) { play(woken_while_asking); }

Task<void> lease_fails(World& world) {
  world.turns.lease_errors = {make_error(Code::unavailable, "busy")};
  const auto said = co_await world.say(world.owner, co_await world.conversation(world.owner), "hello");
  co_await world.until_final(said->turn.id, TurnStatus::done);
}
TEST(TurnRunner, AFailedLeaseIsTriedAgain) { play(lease_fails); }

// The server listens before the runner started: messages come in while leases of the predecessor are given back.
Task<void> early_messages(World& world) {
  const std::string id = co_await world.conversation(world.owner);
  const auto left = co_await world.turns.accept(world.owner, {id, "left", "left", "", "", 32});
  LB_CO_ASSERT(left.ok());
  world.turns.hold_release = true;
  const auto said = co_await world.say(world.owner, id, "early");
  world.brain.hold = true;
  Scope scope(world.loop.executor());
  const auto start = [](World& w) -> Task<void> { EXPECT_TRUE(co_await w.runner.start()); };
  scope.spawn(start(world), "start");
  for (int i = 0; i < 10; ++i) co_await sleep_for(Millis(2));
  EXPECT_EQ(world.turns.leases, 0);
  world.turns.hold_release = false;
  world.turns.changed.notify_all();
  co_await scope.join();
  co_await world.until([&] { return world.brain.running == 1; });
  EXPECT_EQ((co_await world.turn(left->turn.id)).status, TurnStatus::running);
  world.brain.release();
  co_await world.until_final(said->turn.id, TurnStatus::done);
  EXPECT_THAT(asked(world), ElementsAre("left", "early"));
  EXPECT_EQ((co_await world.turn(said->turn.id)).attempt, 1);
}
TEST(TurnRunner, MessagesThatComeBeforeTheStartAreAnsweredOnce) {
  World world;
  world.start_runner = false;
  play(world, early_messages);
}

Task<void> deleted(World& world) {
  world.brain.hold = true;
  const std::string id = co_await world.conversation(world.owner);
  (void)co_await world.say(world.owner, id, "hello");
  co_await world.until([&] { return world.brain.running == 1; });
  EXPECT_TRUE(co_await world.intake.remove_conversation(world.owner, id));
  co_await world.until([&] { return world.brain.running == 0 && world.hub.running() == 0; });
  EXPECT_EQ((co_await world.stores.conversations().get(world.owner, id)).error().code, Code::not_found);
}
TEST(TurnRunner, ADeletedConversationStopsItsTurn) { play(deleted); }

}  // namespace
}  // namespace librebird::gateway
