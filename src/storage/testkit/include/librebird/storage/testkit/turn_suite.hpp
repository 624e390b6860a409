#pragma once

// Part of store_suite.hpp: turns, their lanes, leases and journals.

namespace librebird::testkit {

TEST_P(StoreSuite, AcceptAnswersWithAllThree) {
  const std::string id = conversation().id;
  const Accepted accepted = say(id, "\n  Hello there  \nsecond line", "client-1");
  EXPECT_FALSE(accepted.duplicate);
  EXPECT_EQ(accepted.message.client_message_id, "client-1");
  EXPECT_EQ(accepted.message.turn_id, accepted.turn.id);
  EXPECT_EQ(accepted.turn.message_id, accepted.message.id);
  EXPECT_EQ(accepted.turn.status, TurnStatus::queued);
  EXPECT_EQ(accepted.turn.principal, (Principal{me_.user_id, me_.workspace_id, me_.role, ""}));
  EXPECT_EQ(accepted.conversation.title, "Hello there");
  EXPECT_EQ(accepted.conversation.active_turn_id, accepted.turn.id);
  EXPECT_EQ(accepted.conversation.active_turn_status, TurnStatus::queued);
  const Conversation read = ok(set_->conversations().get(me_, id));
  EXPECT_EQ(read.title, "Hello there");
  EXPECT_EQ(read.active_turn_id, accepted.turn.id);
  EXPECT_EQ(ok(set_->turns().get(me_, accepted.turn.id)).status, TurnStatus::queued);
  EXPECT_EQ(ok(set_->messages().get(me_, accepted.message.id)).content, accepted.message.content);
}

TEST_P(StoreSuite, TitleIsAtMostSixtyCharacters) {
  const std::string id = conversation().id;
  std::string umlauts;
  for (int i = 0; i < 80; ++i) umlauts += "ü";
  EXPECT_EQ(say(id, umlauts).conversation.title.size(), 120U);
  EXPECT_EQ(say(id, "other").conversation.title.size(), 120U);
  const std::string named = conversation("my own").id;
  EXPECT_EQ(say(named, "text").conversation.title, "my own");
}

TEST_P(StoreSuite, TheSameClientIdIsAcceptedOnce) {
  const std::string id = conversation().id;
  const std::string other = conversation().id;
  const Accepted first = say(id, "once", "c");
  const auto same = [&](const Accepted& again) {
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(again.message.id, first.message.id);
    EXPECT_EQ(again.turn.id, first.turn.id);
    EXPECT_EQ(again.conversation.id, id);
    EXPECT_EQ(again.message.content, "once");
  };
  same(say(id, "once", "c"));
  same(say(id, "different text", "c"));
  same(say(other, "once", "c"));
  const LeasedTurn leased = lease(id);
  same(say(id, "once", "c"));
  ok(set_->turns().finish(leased.turn.id, "worker", TurnStatus::done, std::nullopt, answer_with("a")));
  const Accepted late = say(id, "once", "c");
  same(late);
  EXPECT_EQ(late.turn.status, TurnStatus::done);
  EXPECT_EQ(contents(id), (std::vector<std::string>{"once", "a"}));
  EXPECT_TRUE(contents(other).empty());
  // Another user may use the same id.
  const Conversation theirs = ok(set_->conversations().create(stranger_, ""));
  EXPECT_FALSE(ok(set_->turns().accept(stranger_, {theirs.id, "mine", "c"})).duplicate);
}

TEST_P(StoreSuite, TheSameClientIdAtTheSameTime) {
  const std::string id = conversation().id;
  std::vector<Task<Result<Accepted>>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(set_->turns().accept(me_, {id, "text", "c"}));
  const auto results = runner_.run_all(std::move(tasks));
  int fresh = 0;
  for (const auto& result : results) {
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result.value().turn.id, results.front().value().turn.id);
    fresh += result.value().duplicate ? 0 : 1;
  }
  EXPECT_EQ(fresh, 1);
  EXPECT_EQ(contents(id).size(), 1U);
}

TEST_P(StoreSuite, FailuresAmongConcurrentWritesHarmNoOther) {
  const std::string id = conversation().id;
  std::vector<Task<Result<Accepted>>> tasks;
  for (int i = 0; i < 40; ++i) {
    tasks.push_back(
        set_->turns().accept(me_, {i % 2 == 0 ? id : "absent", std::to_string(i), "c" + std::to_string(i)}));
  }
  const auto results = runner_.run_all(std::move(tasks));
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].ok(), i % 2 == 0);
    if (!results[i].ok()) EXPECT_EQ(results[i].error().code, Code::not_found);
  }
  EXPECT_EQ(contents(id).size(), 20U);
}

TEST_P(StoreSuite, QueueIsBounded) {
  const std::string id = conversation().id;
  AcceptMessage message{id, "text", "1"};
  message.queue_limit = 2;
  ok(set_->turns().accept(me_, message));
  message.client_message_id = "2";
  ok(set_->turns().accept(me_, message));
  message.client_message_id = "3";
  const auto full = run(set_->turns().accept(me_, message));
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code, Code::resource_exhausted);
  EXPECT_GT(full.error().retry_after.count(), 0);
  EXPECT_EQ(contents(id).size(), 2U);
  message.client_message_id = "2";
  EXPECT_TRUE(ok(set_->turns().accept(me_, message)).duplicate);
  const LeasedTurn leased = lease(id);
  ok(set_->turns().finish(leased.turn.id, "worker", TurnStatus::done, std::nullopt, std::nullopt));
  message.client_message_id = "3";
  ok(set_->turns().accept(me_, message));
}

TEST_P(StoreSuite, OneLeaseALaneOldestFirst) {
  const std::string id = conversation().id;
  const Accepted first = say(id, "one");
  const Accepted second = say(id, "two");
  EXPECT_EQ(ok(set_->turns().conversations_with_work()), std::vector{id});
  const LeasedTurn leased = lease(id, "a");
  EXPECT_EQ(leased.turn.id, first.turn.id);
  EXPECT_EQ(leased.turn.status, TurnStatus::running);
  EXPECT_EQ(leased.turn.attempt, 1);
  EXPECT_EQ(leased.turn.started_at, clock_.unix_now());
  EXPECT_TRUE(leased.journal.empty());
  EXPECT_FALSE(ok(set_->turns().lease(id, "b", Millis(1000), 10)));
  EXPECT_FALSE(ok(set_->turns().lease(id, "a", Millis(1000), 10)));
  EXPECT_TRUE(ok(set_->turns().conversations_with_work()).empty());
  EXPECT_EQ(ok(set_->conversations().get(me_, id)).active_turn_status, TurnStatus::running);
  fails(Code::failed_precondition,
        set_->turns().finish(leased.turn.id, "b", TurnStatus::done, std::nullopt, answer_with("x")));
  ok(set_->turns().finish(leased.turn.id, "a", TurnStatus::done, std::nullopt, answer_with("1")));
  const LeasedTurn next = lease(id, "b");
  EXPECT_EQ(next.turn.id, second.turn.id);
  ASSERT_EQ(next.history.size(), 3U);  // the answer stands before the message that waited for it
  EXPECT_EQ(next.history[0].content, "one");
  EXPECT_EQ(next.history[1].role, ChatRole::assistant);
  EXPECT_EQ(next.history[1].content, "1");
  EXPECT_EQ(next.history[2].content, "two");
  ok(set_->turns().finish(next.turn.id, "b", TurnStatus::done, std::nullopt, answer_with("2")));
  EXPECT_EQ(contents(id), (std::vector<std::string>{"one", "1", "two", "2"}));
  EXPECT_FALSE(ok(set_->turns().lease(id, "a", Millis(1000), 10)));
  EXPECT_FALSE(ok(set_->turns().lease("absent", "a", Millis(1000), 10)));
}

TEST_P(StoreSuite, ManyWorkersOneLease) {
  const std::string id = conversation().id;
  say(id, "one");
  std::vector<Task<Result<std::optional<LeasedTurn>>>> tasks;
  for (int i = 0; i < 16; ++i) tasks.push_back(set_->turns().lease(id, "w" + std::to_string(i), Millis(1000), 10));
  int taken = 0;
  for (const auto& result : runner_.run_all(std::move(tasks))) taken += result.ok() && result.value() ? 1 : 0;
  EXPECT_EQ(taken, 1);
}

TEST_P(StoreSuite, HistoryIsBounded) {
  const std::string id = conversation().id;
  for (int i = 0; i < 5; ++i) exchange(id, "q" + std::to_string(i), "a" + std::to_string(i));
  say(id, "last");
  const auto leased = ok(set_->turns().lease(id, "w", Millis(1000), 3));
  ASSERT_TRUE(leased);
  ASSERT_EQ(leased->history.size(), 3U);
  EXPECT_EQ(leased->history[0].content, "q4");
  EXPECT_EQ(leased->history[2].content, "last");
}

TEST_P(StoreSuite, ExpiredLeaseIsTakenWithItsJournal) {
  const std::string id = conversation().id;
  say(id, "question");
  const LeasedTurn first = lease(id, "dead");
  const TurnStep answer{0, ModelAnswer{"let me see",
                                       {{"call-1", "calculate", R"({"expression":"1/3"})"}},
                                       FinishReason::tool_calls,
                                       {12, 34},
                                       {"mock", "m", true}}};
  const TurnStep result{1, ToolResult{"call-1", ToolStatus::interrupted, R"({"error":"\u0000 \"x\""})", Millis(5)}};
  ok(set_->turns().append_step(first.turn.id, "dead", answer));
  ok(set_->turns().append_step(first.turn.id, "dead", result));
  clock_.advance(Millis(29'999));
  EXPECT_FALSE(ok(set_->turns().lease(id, "next", Millis(1000), 10)));
  EXPECT_TRUE(ok(set_->turns().conversations_with_work()).empty());
  clock_.advance(Millis(1));
  EXPECT_EQ(ok(set_->turns().conversations_with_work()), std::vector{id});
  const LeasedTurn again = lease(id, "next");
  EXPECT_EQ(again.turn.id, first.turn.id);
  EXPECT_EQ(again.turn.attempt, 2);
  EXPECT_EQ(again.turn.started_at, first.turn.started_at);
  EXPECT_EQ(again.journal, (std::vector{answer, result}));
  fails(Code::failed_precondition, set_->turns().append_step(first.turn.id, "dead", {2, ModelAnswer{}}));
  fails(Code::failed_precondition,
        set_->turns().finish(first.turn.id, "dead", TurnStatus::done, std::nullopt, answer_with("late")));
  ok(set_->turns().append_step(first.turn.id, "next", {2, ModelAnswer{"0.33", {}, FinishReason::stop, {}, {}}}));
  ok(set_->turns().finish(first.turn.id, "next", TurnStatus::done, std::nullopt, answer_with("0.33")));
  EXPECT_EQ(contents(id), (std::vector<std::string>{"question", "0.33"}));
}

TEST_P(StoreSuite, LateWorkOfAnUntakenLeaseCounts) {
  const std::string id = conversation().id;
  say(id, "question");
  const LeasedTurn leased = lease(id, "slow");
  clock_.advance(Millis(60'000));
  ok(set_->turns().finish(leased.turn.id, "slow", TurnStatus::done, std::nullopt, answer_with("a")));
  EXPECT_FALSE(ok(set_->turns().lease(id, "next", Millis(1000), 10)));
}

TEST_P(StoreSuite, StepsFollowEachOther) {
  const std::string id = conversation().id;
  say(id, "question");
  const std::string turn = lease(id).turn.id;
  fails(Code::invalid_argument, set_->turns().append_step(turn, "worker", {1, ModelAnswer{}}));
  ok(set_->turns().append_step(turn, "worker", {0, ModelAnswer{}}));
  fails(Code::already_exists, set_->turns().append_step(turn, "worker", {0, ModelAnswer{}}));
  fails(Code::invalid_argument, set_->turns().append_step(turn, "worker", {2, ModelAnswer{}}));
  fails(Code::invalid_argument, set_->turns().append_step(turn, "worker", {2'000'000'000, ModelAnswer{}}));
  fails(Code::already_exists, set_->turns().append_step(turn, "worker", {-1, ModelAnswer{}}));
  fails(Code::failed_precondition, set_->turns().append_step(turn, "other", {1, ModelAnswer{}}));
  fails(Code::failed_precondition, set_->turns().append_step("absent", "worker", {0, ModelAnswer{}}));
  ok(set_->turns().append_step(turn, "worker", {1, ToolResult{}}));
  fails(Code::invalid_argument, set_->turns().finish(turn, "worker", TurnStatus::running, std::nullopt, std::nullopt));
  ok(set_->turns().finish(turn, "worker", TurnStatus::done, std::nullopt, std::nullopt));
  fails(Code::failed_precondition, set_->turns().append_step(turn, "worker", {2, ModelAnswer{}}));
  fails(Code::failed_precondition, set_->turns().finish(turn, "worker", TurnStatus::done, std::nullopt, std::nullopt));
}

TEST_P(StoreSuite, BrokenTextInAStepStaysReadable) {
  const std::string id = conversation().id;
  say(id, "question");
  const std::string turn = lease(id, "dead").turn.id;
  ok(set_->turns().append_step(turn, "dead",
                               {0, ModelAnswer{"\xFF half \xE2\x82", {{"c", "t", "{\"a\":\xC3"}}, {}, {}, {}}}));
  clock_.advance(Millis(60'000));
  const LeasedTurn again = lease(id);
  ASSERT_EQ(again.journal.size(), 1U);
  EXPECT_NE(std::get<ModelAnswer>(again.journal[0].what).text.find(" half "), std::string::npos);
}

TEST_P(StoreSuite, RenewKeepsAndReleaseGivesBack) {
  const std::string a = conversation().id;
  const std::string b = conversation().id;
  say(a, "one");
  say(b, "two");
  const std::string first = lease(a, "w").turn.id;
  const std::string second = lease(b, "other").turn.id;
  clock_.advance(Millis(20'000));
  EXPECT_EQ(ok(set_->turns().renew("w", Millis(30'000))), std::vector{first});
  EXPECT_TRUE(ok(set_->turns().renew("nobody", Millis(30'000))).empty());
  clock_.advance(Millis(15'000));
  EXPECT_EQ(ok(set_->turns().conversations_with_work()), std::vector{b});
  EXPECT_EQ(lease(b, "w").turn.id, second);
  EXPECT_TRUE(ok(set_->turns().renew("other", Millis(30'000))).empty());
  ok(set_->turns().release("w"));
  EXPECT_EQ(ok(set_->turns().conversations_with_work()).size(), 2U);
  EXPECT_EQ(ok(set_->turns().get(me_, first)).status, TurnStatus::queued);
  fails(Code::failed_precondition, set_->turns().append_step(first, "w", {0, ModelAnswer{}}));
  EXPECT_EQ(lease(a, "w").turn.attempt, 2);
}

TEST_P(StoreSuite, CancelEndsAQueuedTurn) {
  const std::string id = conversation().id;
  const Accepted first = say(id, "one");
  const Accepted second = say(id, "two");
  lease(id);
  const Turn cancelled = ok(set_->turns().request_cancel(me_, second.turn.id));
  EXPECT_EQ(cancelled.status, TurnStatus::cancelled);
  EXPECT_EQ(cancelled.finished_at, clock_.unix_now());
  ok(set_->turns().finish(first.turn.id, "worker", TurnStatus::done, std::nullopt, answer_with("a")));
  EXPECT_FALSE(ok(set_->turns().lease(id, "w", Millis(1000), 10)));
  EXPECT_EQ(ok(set_->turns().request_cancel(me_, second.turn.id)).finished_at, cancelled.finished_at);
  EXPECT_EQ(ok(set_->turns().request_cancel(me_, first.turn.id)).status, TurnStatus::done);
  EXPECT_FALSE(ok(set_->turns().get(me_, first.turn.id)).cancel_requested);
  fails(Code::not_found, set_->turns().request_cancel(me_, "absent"));
}

TEST_P(StoreSuite, CancelMarksARunningTurn) {
  const std::string id = conversation().id;
  say(id, "one");
  const std::string turn = lease(id, "dead").turn.id;
  const Turn marked = ok(set_->turns().request_cancel(me_, turn));
  EXPECT_EQ(marked.status, TurnStatus::running);
  EXPECT_TRUE(marked.cancel_requested);
  clock_.advance(Millis(60'000));
  const LeasedTurn again = lease(id, "next");
  EXPECT_TRUE(again.turn.cancel_requested);
  Message half = answer_with("half");
  half.status = MessageStatus::stopped;
  ok(set_->turns().finish(turn, "next", TurnStatus::cancelled, std::nullopt, half));
  EXPECT_EQ(ok(set_->turns().get(me_, turn)).status, TurnStatus::cancelled);
  EXPECT_EQ(ok(set_->messages().list(me_, id, "", 10)).items.back().status, MessageStatus::stopped);
}

TEST_P(StoreSuite, EditReplacesAMessageAndAllAfterIt) {
  const std::string id = conversation().id;
  exchange(id, "one", "1");
  exchange(id, "two", "2");
  exchange(id, "three", "3");
  const auto before = ok(set_->messages().list(me_, id, "", 10)).items;
  AcceptMessage edit{id, "two, better", "edit"};
  edit.edit_message_id = before[2].id;
  const Accepted accepted = ok(set_->turns().accept(me_, edit));
  EXPECT_EQ(contents(id), (std::vector<std::string>{"one", "1", "two, better"}));
  fails(Code::not_found, set_->messages().get(me_, before[2].id));
  fails(Code::not_found, set_->messages().get(me_, before[5].id));
  EXPECT_TRUE(found("three").empty());
  EXPECT_EQ(found("better"), std::vector{id});
  const LeasedTurn leased = lease(id);
  EXPECT_EQ(leased.turn.id, accepted.turn.id);
  EXPECT_EQ(leased.history.size(), 3U);
  EXPECT_EQ(leased.history.back().content, "two, better");
  // The same edit again is the same outcome, although its message is gone from view.
  EXPECT_TRUE(ok(set_->turns().accept(me_, edit)).duplicate);
}

TEST_P(StoreSuite, RegenerateAnswersTheSameMessage) {
  const std::string id = conversation().id;
  exchange(id, "one", "1");
  exchange(id, "two", "2");
  const auto before = ok(set_->messages().list(me_, id, "", 10)).items;
  AcceptMessage again;
  again.client_message_id = "r";
  again.regenerate_message_id = before[1].id;  // the conversation need not be named
  const Accepted accepted = ok(set_->turns().accept(me_, again));
  EXPECT_EQ(accepted.message.id, before[0].id);
  EXPECT_EQ(accepted.turn.message_id, before[0].id);
  EXPECT_EQ(contents(id), std::vector<std::string>{"one"});
  const LeasedTurn leased = lease(id);
  ASSERT_EQ(leased.history.size(), 1U);
  EXPECT_EQ(leased.history[0].content, "one");
  ok(set_->turns().finish(leased.turn.id, "worker", TurnStatus::done, std::nullopt, answer_with("uno")));
  EXPECT_EQ(contents(id), (std::vector<std::string>{"one", "uno"}));
  exchange(id, "two", "dos");
  EXPECT_EQ(contents(id), (std::vector<std::string>{"one", "uno", "two", "dos"}));
}

TEST_P(StoreSuite, EditAndRegenerateAreRefusedWhereTheyMakeNoSense) {
  const std::string id = conversation().id;
  const std::string other = conversation().id;
  exchange(id, "one", "1");
  const auto items = ok(set_->messages().list(me_, id, "", 10)).items;
  const auto with = [&](std::string conversation, std::string edit, std::string regenerate) {
    AcceptMessage message{std::move(conversation), "x", ids_.next()};
    message.edit_message_id = std::move(edit);
    message.regenerate_message_id = std::move(regenerate);
    return set_->turns().accept(me_, message);
  };
  fails(Code::invalid_argument, with(id, items[1].id, ""));
  fails(Code::invalid_argument, with(id, "", items[0].id));
  fails(Code::invalid_argument, with(id, items[0].id, items[1].id));
  fails(Code::not_found, with(other, items[0].id, ""));
  fails(Code::not_found, with(id, "absent", ""));
  fails(Code::not_found, with(id, "", "absent"));
  const Accepted open = say(id, "two");
  fails(Code::failed_precondition, with(id, items[0].id, ""));
  fails(Code::failed_precondition, with(id, "", items[1].id));
  EXPECT_EQ(contents(id), (std::vector<std::string>{"one", "1", "two"}));
  ok(set_->turns().request_cancel(me_, open.turn.id));
  ok(with(id, open.message.id, ""));
}

}  // namespace librebird::testkit
