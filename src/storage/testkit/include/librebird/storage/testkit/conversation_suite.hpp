#pragma once

// Part of store_suite.hpp: conversations, messages, search.

namespace librebird::testkit {

TEST_P(StoreSuite, ConversationIsReadBackAsWritten) {
  const Conversation made = conversation("Tea's \"title\" -- ' OR 1=1");
  const Conversation read = ok(set_->conversations().get(me_, made.id));
  EXPECT_EQ(read.title, made.title);
  EXPECT_EQ(read.user_id, me_.user_id);
  EXPECT_EQ(read.created_at, clock_.unix_now());
  EXPECT_EQ(read.active_turn_id, std::nullopt);
  EXPECT_FALSE(read.archived);
}

TEST_P(StoreSuite, ConversationsOfOthersAreAbsent) {
  const Conversation mine = conversation("secret plans");
  exchange(mine.id, "secret question", "secret answer");
  const Accepted open = say(mine.id, "another secret");
  Principal other_room = me_;
  other_room.workspace_id = stranger_.workspace_id;
  Principal other_person = me_;
  other_person.user_id = stranger_.user_id;
  for (const Principal& attacker : {stranger_, other_room, other_person}) {
    fails(Code::not_found, set_->conversations().get(attacker, mine.id));
    fails(Code::not_found, set_->conversations().update(attacker, mine.id, "taken", true));
    fails(Code::not_found, set_->conversations().remove(attacker, mine.id));
    fails(Code::not_found, set_->messages().list(attacker, mine.id, "", 10));
    fails(Code::not_found, set_->messages().get(attacker, open.message.id));
    fails(Code::not_found, set_->turns().get(attacker, open.turn.id));
    fails(Code::not_found, set_->turns().request_cancel(attacker, open.turn.id));
    fails(Code::not_found, set_->turns().accept(attacker, {mine.id, "hello", ids_.next()}));
    fails(Code::not_found, set_->turns().accept(attacker, {mine.id, "x", ids_.next(), open.message.id}));
    ConversationFilter filter;
    EXPECT_TRUE(ok(set_->conversations().list(attacker, filter)).items.empty());
    filter.query = "secret";
    EXPECT_TRUE(ok(set_->conversations().list(attacker, filter)).items.empty());
    EXPECT_TRUE(ok(set_->messages().search(attacker, "secret", 10)).empty());
  }
  EXPECT_EQ(ok(set_->conversations().get(me_, mine.id)).title, "secret plans");
  EXPECT_FALSE(ok(set_->turns().get(me_, open.turn.id)).cancel_requested);
}

TEST_P(StoreSuite, UpdateChangesOnlyWhatIsNamed) {
  const Conversation made = conversation("old");
  EXPECT_EQ(ok(set_->conversations().update(me_, made.id, "new", std::nullopt)).title, "new");
  const Conversation archived = ok(set_->conversations().update(me_, made.id, std::nullopt, true));
  EXPECT_EQ(archived.title, "new");
  EXPECT_TRUE(archived.archived);
  ConversationFilter filter;
  EXPECT_TRUE(ok(set_->conversations().list(me_, filter)).items.empty());
  filter.archived = true;
  EXPECT_EQ(ok(set_->conversations().list(me_, filter)).items.size(), 1U);
  fails(Code::not_found, set_->conversations().update(me_, "nothing", "x", true));
}

TEST_P(StoreSuite, ListPagesWithoutGapsOrDoubles) {
  std::vector<std::string> made;
  for (int i = 0; i < 7; ++i) {
    made.push_back(conversation("c" + std::to_string(i)).id);
    if (i % 3 == 0) clock_.advance(Millis(1));  // several share a moment
  }
  std::vector<std::string> seen;
  ConversationFilter filter;
  filter.limit = 2;
  for (int page = 0; page < 10; ++page) {
    const auto items = ok(set_->conversations().list(me_, filter));
    for (const Conversation& item : items.items) seen.push_back(item.id);
    if (!items.next) break;
    filter.cursor = *items.next;
  }
  EXPECT_EQ(seen, (std::vector<std::string>(made.rbegin(), made.rend())));
  for (const char* broken : {"x", "1.2", "99999999999999999999.a", "1.", ".", "-"}) {
    filter.cursor = broken;
    fails(Code::invalid_argument, set_->conversations().list(me_, filter));
  }
}

TEST_P(StoreSuite, ActivityMovesAConversationUp) {
  const std::string first = conversation("first").id;
  clock_.advance(Millis(1));
  const std::string second = conversation("second").id;
  clock_.advance(Millis(1));
  exchange(first, "hello", "hi");
  EXPECT_EQ(ok(set_->conversations().list(me_, {})).items.front().id, first);
  EXPECT_EQ(ok(set_->conversations().get(me_, first)).updated_at, clock_.unix_now());
}

TEST_P(StoreSuite, RemoveTakesEverythingAndStopsTheWorker) {
  const std::string id = conversation("gone").id;
  const Accepted accepted = say(id, "findable words");
  EXPECT_EQ(found("findable").size(), 1U);
  const LeasedTurn leased = lease(id);
  ok(set_->turns().append_step(leased.turn.id, "worker", {0, ModelAnswer{"half", {}, FinishReason::stop, {}, {}}}));
  ok(set_->conversations().remove(me_, id));
  fails(Code::failed_precondition, set_->turns().append_step(leased.turn.id, "worker", {1, ModelAnswer{}}));
  fails(Code::failed_precondition,
        set_->turns().finish(leased.turn.id, "worker", TurnStatus::done, std::nullopt, answer_with("late")));
  fails(Code::not_found, set_->turns().get(me_, leased.turn.id));
  fails(Code::not_found, set_->messages().get(me_, accepted.message.id));
  fails(Code::not_found, set_->conversations().remove(me_, id));
  EXPECT_TRUE(found("findable").empty());
  // What comes after a removal is still found.
  const std::string next = conversation("next").id;
  say(next, "other findable words");
  EXPECT_EQ(found("findable"), std::vector{next});
}

TEST_P(StoreSuite, MessagesPageBackwards) {
  const std::string id = conversation().id;
  for (int i = 0; i < 3; ++i) exchange(id, "q" + std::to_string(i), "a" + std::to_string(i));
  const auto newest = ok(set_->messages().list(me_, id, "", 4));
  ASSERT_EQ(newest.items.size(), 4U);
  EXPECT_EQ(newest.items.front().content, "q1");
  EXPECT_EQ(newest.items.back().content, "a2");
  ASSERT_TRUE(newest.next);
  const auto older = ok(set_->messages().list(me_, id, *newest.next, 4));
  ASSERT_EQ(older.items.size(), 2U);
  EXPECT_EQ(older.items.front().content, "q0");
  EXPECT_FALSE(older.next);
  fails(Code::not_found, set_->messages().list(me_, id, "nothing", 4));
}

TEST_P(StoreSuite, AnswerIsReadBackAsWritten) {
  const std::string id = conversation().id;
  say(id, "question");
  const LeasedTurn leased = lease(id);
  Message answer = answer_with("ignored");
  const ToolResult result{"c1", ToolStatus::error, R"({"error":"division by zero"})", Millis(7)};
  answer.parts = {TextPart{"first"}, ToolCallPart{{"c1", "calculate", "{\"broken"}, result},
                  ToolCallPart{{"c2", "now", "{}"}, std::nullopt}, TextPart{"then \xF0\x9F\xA6\x9C"}};
  answer.content = text_of(answer.parts);
  answer.status = MessageStatus::failed;
  answer.error = TurnError{"unavailable", "the model went away"};
  ok(set_->turns().finish(leased.turn.id, "worker", TurnStatus::failed, answer.error, answer));
  const Message read = ok(set_->messages().list(me_, id, "", 10)).items.back();
  EXPECT_EQ(read.parts, answer.parts);
  EXPECT_EQ(read.content, answer.content);
  EXPECT_EQ(read.status, MessageStatus::failed);
  EXPECT_EQ(read.error, answer.error);
  EXPECT_EQ(read.model, answer.model);
  EXPECT_EQ(read.turn_id, leased.turn.id);
  EXPECT_EQ(read.role, MessageRole::assistant);
  const Turn turn = ok(set_->turns().get(me_, leased.turn.id));
  EXPECT_EQ(turn.status, TurnStatus::failed);
  EXPECT_EQ(turn.error, answer.error);
}

TEST_P(StoreSuite, HostileTextIsKeptOrMended) {
  const std::string id = conversation().id;
  const std::string odd = "'; DROP TABLE messages; -- \"$1\" ? :x \\ \xE2\x80\xAE";
  EXPECT_EQ(say(id, odd).message.content, odd);
  lease(id);
  EXPECT_EQ(contents(id).front(), odd);
  const std::string second = conversation().id;
  say(second, std::string("nul\0 and \xFF\xC3(", 12));
  EXPECT_EQ(contents(second).front(), "nul\xEF\xBF\xBD and \xEF\xBF\xBD\xEF\xBF\xBD(");
  fails(Code::not_found, set_->conversations().get(me_, std::string("\0\xFF", 2)));
  fails(Code::not_found, set_->conversations().get(me_, ""));
}

TEST_P(StoreSuite, SearchFindsWordsInTitlesAndMessages) {
  const std::string trip = conversation("Trip to Málaga").id;
  exchange(trip, "Which hotels are near the harbour?", "The Parador is quiet.");
  clock_.advance(Millis(1));
  const std::string code = conversation("Coding").id;
  exchange(code, "Explain foo_bar-baz(x) in C++", "It is a function named foo-bar.");
  EXPECT_EQ(found("hotels"), std::vector{trip});
  EXPECT_EQ(found("HOTELS Harbour"), std::vector{trip});
  EXPECT_EQ(found("malaga"), std::vector{trip});
  EXPECT_EQ(found("Málaga parad"), std::vector{trip});  // title and message; the last word may be half typed
  EXPECT_EQ(found("parad malaga"), std::vector<std::string>{});
  EXPECT_EQ(found("foo-bar"), std::vector{code});
  EXPECT_EQ(found("i"), (std::vector{code, trip}));
  EXPECT_TRUE(found("hotels nowhere").empty());
  EXPECT_EQ(found("   ").size(), 2U);
}

TEST_P(StoreSuite, SearchNeverFailsOnItsInput) {
  const std::string id = conversation("title").id;
  exchange(id, "AND OR NOT NEAR rowid", "body : owner");
  for (const char* query : {"\"",
                            "\"\"",
                            "*",
                            "^",
                            "(",
                            ")",
                            "a AND",
                            "NEAR(",
                            "owner:x",
                            "body : \"a",
                            "-",
                            "--",
                            "a*b",
                            "{a b}",
                            "'",
                            ";",
                            "$1",
                            "%",
                            "_",
                            "\\",
                            "+ +",
                            "\xF0\x9F\xA6\x9C",
                            "\xE2\x80\x99",
                            "\xFF\xFE",
                            "a\" OR \"b",
                            "col:val*",
                            "\xCC\x81"}) {
    found(query);
    ok(set_->messages().search(me_, query, 5));
  }
  found(std::string(100'000, 'x'));
  found(std::string(100'000, ' ') + "y");
  EXPECT_EQ(found("NOT"), std::vector{id});
  EXPECT_EQ(found("and near"), std::vector{id});
}

TEST_P(StoreSuite, SearchFindsScriptsWithoutSpaces) {
  const std::string chinese = conversation().id;
  exchange(chinese, "明天北京的天气怎么样？", "明天北京晴。");
  clock_.advance(Millis(1));
  const std::string japanese = conversation("東京タワー").id;
  clock_.advance(Millis(1));
  const std::string russian = conversation().id;
  exchange(russian, "Какая погода в МОСКВЕ?", "Солнечно");
  EXPECT_EQ(found("北京"), std::vector{chinese});
  EXPECT_EQ(found("天气"), std::vector{chinese});
  EXPECT_TRUE(found("京北").empty());
  EXPECT_EQ(found("タワー"), std::vector{japanese});
  EXPECT_EQ(found("москве"), std::vector{russian});
}

TEST_P(StoreSuite, SearchShowsWhereItMatched) {
  const std::string id = conversation("x").id;
  exchange(id, "Where is the old <b>lighthouse</b> of the island?", "Nobody knows.");
  ConversationFilter filter;
  filter.query = "Light";
  const auto page = ok(set_->conversations().list(me_, filter));
  ASSERT_EQ(page.items.size(), 1U);
  EXPECT_EQ(page.items.front().snippet, "Where is the old <b>\xE2\x81\xA8lighthouse\xE2\x81\xA9</b> of the island?");
}

TEST_P(StoreSuite, SearchPagesWithoutGapsOrDoubles) {
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) {
    made.push_back(conversation("apple " + std::to_string(i)).id);
    conversation("pear");
  }
  ConversationFilter filter;
  filter.query = "apple";
  filter.limit = 2;
  std::vector<std::string> seen;
  for (int page = 0; page < 10; ++page) {
    const auto items = ok(set_->conversations().list(me_, filter));
    for (const Conversation& item : items.items) seen.push_back(item.id);
    if (!items.next) break;
    filter.cursor = *items.next;
  }
  EXPECT_EQ(seen, (std::vector<std::string>(made.rbegin(), made.rend())));
}

TEST_P(StoreSuite, MemorySearchRanksAndBelongsToTheUser) {
  const std::string id = conversation().id;
  exchange(id, "My sister's cat is called Mila.", "Noted: the cat is Mila.");
  exchange(id, "I like long walks on the beach in winter, and reading about cats.", "Lovely.");
  const auto items = ok(set_->messages().search(me_, "what is the name of my cat Mila?", 2));
  ASSERT_EQ(items.size(), 2U);
  EXPECT_NE(items[0].content.find("Mila"), std::string::npos);
  EXPECT_GE(items[0].score, items[1].score);
  EXPECT_EQ(items[0].conversation_id, id);
  EXPECT_TRUE(ok(set_->messages().search(me_, "", 2)).empty());
  EXPECT_TRUE(ok(set_->messages().search(me_, "zebra", 2)).empty());
}

}  // namespace librebird::testkit
