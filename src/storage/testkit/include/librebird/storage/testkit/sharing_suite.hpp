#pragma once

// Part of store_suite.hpp: conversations that are shared.

#include <librebird/storage/testkit/workspace_suite.hpp>

namespace librebird::testkit {

class SharingSuite : public WorkspaceSuite {
 protected:
  void share(const std::string& id, Sharing sharing) { ok(set_->conversations().share(me_, id, std::move(sharing))); }
  static Sharing with(const Principal& who, Access access) { return {Access::none, {{who.user_id, access}}}; }
  Task<Result<Accepted>> send(const Principal& who, const std::string& id, const std::string& text) {
    return set_->turns().accept(who, {id, text, ids_.next()});
  }
  std::string code_of_send(const Principal& who, const std::string& id) {
    const auto sent = run(send(who, id, "hello"));
    return sent ? "ok" : std::string(to_string(sent.error().code));
  }
  std::vector<std::string> listed(const Principal& who, const std::string& query = "") {
    ConversationFilter filter;
    filter.query = query;
    std::vector<std::string> ids;
    for (const Conversation& item : ok(set_->conversations().list(who, filter)).items) ids.push_back(item.id);
    return ids;
  }
  using Ids = std::vector<std::string>;
};

TEST_P(SharingSuite, OnesOwnIsPrivateAtFirst) {
  const Principal other = join(Role::admin);
  const Conversation made = conversation("mine");
  EXPECT_TRUE(made.sharing.is_private());
  EXPECT_TRUE(ok(set_->conversations().get(me_, made.id)).sharing.is_private());
  fails(Code::not_found, set_->conversations().get(other, made.id));
  EXPECT_EQ(listed(other), Ids{});
}

TEST_P(SharingSuite, ReadersSeeEverythingAndChangeNothing) {
  const Principal reader = join(Role::admin);
  const Principal bystander = join(Role::member);
  const std::string id = conversation("shared").id;
  const Turn turn = exchange(id, "an albatross?", "a bird");
  share(id, with(reader, Access::read));
  const Conversation seen = ok(set_->conversations().get(reader, id));
  EXPECT_EQ(seen.user_id, me_.user_id);
  EXPECT_EQ(seen.sharing, with(reader, Access::read));
  const auto messages = ok(set_->messages().list(reader, id, "", 10)).items;
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].user_id, me_.user_id);
  EXPECT_EQ(ok(set_->messages().get(reader, messages[0].id)).content, "an albatross?");
  EXPECT_EQ(ok(set_->turns().get(reader, turn.id)).id, turn.id);
  EXPECT_TRUE(ok(set_->messages().answer_of(reader, turn.id)));
  EXPECT_EQ(listed(reader), Ids{id});
  EXPECT_EQ(listed(reader, "albatross"), Ids{id});
  EXPECT_TRUE(ok(set_->messages().search(reader, "albatross", 10)).empty()) << "a memory is one's own";

  EXPECT_EQ(code_of_send(reader, id), "permission_denied");
  fails(Code::permission_denied, set_->turns().accept(reader, {id, "x", ids_.next(), messages[0].id}));
  fails(Code::permission_denied, set_->turns().accept(reader, {id, "", ids_.next(), "", messages[1].id}));
  fails(Code::permission_denied, set_->conversations().update(reader, id, "taken", true));
  fails(Code::permission_denied, set_->conversations().share(reader, id, {Access::write, {}}));
  fails_status(Code::permission_denied, set_->conversations().remove(reader, id));
  const Accepted open = say(id, "still open");
  fails(Code::permission_denied, set_->turns().request_cancel(reader, open.turn.id));
  EXPECT_FALSE(ok(set_->turns().get(me_, open.turn.id)).cancel_requested);

  fails(Code::not_found, set_->conversations().get(bystander, id));
  fails(Code::not_found, set_->messages().list(bystander, id, "", 10));
  fails(Code::not_found, set_->turns().get(bystander, turn.id));
  EXPECT_EQ(code_of_send(bystander, id), "not_found");
  EXPECT_EQ(listed(bystander), Ids{});
  EXPECT_EQ(listed(bystander, "albatross"), Ids{});
}

TEST_P(SharingSuite, WritersTakePart) {
  const Principal writer = join(Role::member);
  const std::string id = conversation("shared").id;
  share(id, with(writer, Access::write));
  exchange(id, "from me", "to me");
  const Accepted sent = ok(set_->turns().accept(writer, {id, "from the writer: albatross", ids_.next()}));
  EXPECT_EQ(sent.message.user_id, writer.user_id);
  EXPECT_EQ(sent.turn.principal.user_id, writer.user_id);
  EXPECT_EQ(sent.conversation.user_id, me_.user_id);
  EXPECT_EQ(sent.conversation.sharing, with(writer, Access::write));
  const LeasedTurn leased = lease(id);
  EXPECT_EQ(leased.turn.principal.user_id, writer.user_id) << "it runs as who asked";
  ASSERT_EQ(leased.history.size(), 3U);
  EXPECT_EQ(leased.history[0].content, "Owner: from me");
  EXPECT_EQ(leased.history[1].content, "to me");
  EXPECT_EQ(leased.history[2].content, "Stranger: from the writer: albatross");
  ok(set_->turns().finish(leased.turn.id, "worker", TurnStatus::done, std::nullopt, answer_with("a bird")));
  EXPECT_EQ(contents(id), (Ids{"from me", "to me", "from the writer: albatross", "a bird"}));
  EXPECT_EQ(found("albatross"), Ids{id}) << "what others wrote in one's own conversation is found";
  EXPECT_TRUE(ok(set_->messages().search(me_, "albatross", 10)).empty());
  EXPECT_EQ(ok(set_->messages().search(writer, "albatross", 10)).size(), 1U);

  // Each edits what he wrote; anybody who takes part has an answer given anew, or stopped.
  fails(Code::permission_denied, set_->turns().accept(me_, {id, "put into his mouth", ids_.next(), sent.message.id}));
  const auto messages = ok(set_->messages().list(me_, id, "", 10)).items;
  fails(Code::permission_denied, set_->turns().accept(writer, {id, "x", ids_.next(), messages[0].id}));
  const Accepted again = ok(set_->turns().accept(me_, {id, "", ids_.next(), "", messages[3].id}));
  EXPECT_EQ(again.turn.principal.user_id, me_.user_id);
  EXPECT_EQ(ok(set_->turns().request_cancel(writer, again.turn.id)).status, TurnStatus::cancelled);
  fails(Code::permission_denied, set_->conversations().update(writer, id, "taken", std::nullopt));
  fails_status(Code::permission_denied, set_->conversations().remove(writer, id));
}

TEST_P(SharingSuite, TheWorkspaceIsEveryMemberOfIt) {
  const std::string id = conversation("for all").id;
  exchange(id, "albatross", "bird");
  share(id, {Access::read, {}});
  const Principal later = join(Role::guest);
  EXPECT_EQ(listed(later), Ids{id});
  EXPECT_EQ(listed(later, "albatross"), Ids{id});
  EXPECT_EQ(code_of_send(later, id), "permission_denied");
  share(id, {Access::write, {}});
  EXPECT_EQ(code_of_send(later, id), "permission_denied") << "a guest only reads";
  ok(workspaces().set_role(me_, later.user_id, Role::member));
  EXPECT_EQ(code_of_send(later, id), "ok");
  // Of another workspace, or with the wrong one.
  fails(Code::not_found, set_->conversations().get(stranger_, id));
  Principal mixed = stranger_;
  mixed.workspace_id = me_.workspace_id;
  fails(Code::not_found, set_->conversations().get(mixed, id));
  mixed = later;
  mixed.workspace_id = stranger_.workspace_id;
  fails(Code::not_found, set_->conversations().get(mixed, id));
  EXPECT_EQ(listed(stranger_, "albatross"), Ids{});
}

TEST_P(SharingSuite, TakingAShareBackEndsIt) {
  const Principal writer = join(Role::member);
  const std::string id = conversation("").id;
  share(id, with(writer, Access::write));
  const Accepted sent = ok(send(writer, id, "albatross"));
  share(id, {});
  EXPECT_TRUE(ok(set_->conversations().get(me_, id)).sharing.is_private());
  fails(Code::not_found, set_->conversations().get(writer, id));
  fails(Code::not_found, set_->messages().get(writer, sent.message.id));
  fails(Code::not_found, set_->turns().get(writer, sent.turn.id));
  EXPECT_EQ(code_of_send(writer, id), "not_found");
  EXPECT_EQ(listed(writer, "albatross"), Ids{});
  EXPECT_TRUE(ok(set_->messages().search(writer, "albatross", 10)).empty());
  // What he wrote stays part of the conversation.
  EXPECT_EQ(contents(id), Ids{"albatross"});
}

TEST_P(SharingSuite, WrongSharesAreRefusedWhole) {
  const Principal friend_ = join(Role::member);
  const std::string id = conversation("").id;
  for (const Sharing& wrong : {
           Sharing{Access::write, {{stranger_.user_id, Access::read}}},
           Sharing{Access::write, {{"nobody", Access::read}}},
           Sharing{Access::write, {{me_.user_id, Access::read}}},
           Sharing{Access::write, {{friend_.user_id, Access::none}}},
           Sharing{Access::write, {{friend_.user_id, Access::read}, {friend_.user_id, Access::write}}},
           Sharing{Access::write, std::vector<Sharing::Person>(kMostShares + 1, {friend_.user_id, Access::read})},
       }) {
    fails(Code::invalid_argument, set_->conversations().share(me_, id, wrong));
  }
  fails(Code::not_found, set_->conversations().share(friend_, id, {Access::write, {}}));
  EXPECT_TRUE(ok(set_->conversations().get(me_, id)).sharing.is_private());
}

TEST_P(SharingSuite, WhoLeavesLeavesWhatWasSharedToTheOwnerOfTheWorkspace) {
  const Principal leaver = join(Role::member);
  const Principal reader = join(Role::member);
  const std::string shared = ok(set_->conversations().create(leaver, "shared")).id;
  const std::string own = ok(set_->conversations().create(leaver, "private")).id;
  const std::string mine = conversation("mine, shared with the leaver").id;
  ok(set_->conversations().share(leaver, shared,
                                 {Access::none, {{reader.user_id, Access::write}, {me_.user_id, Access::read}}}));
  share(mine, with(leaver, Access::write));
  ok(send(leaver, shared, "an albatross"));
  ok(workspaces().remove_member(me_, leaver.user_id));
  const Conversation inherited = ok(set_->conversations().get(reader, shared));
  EXPECT_EQ(inherited.user_id, me_.user_id);
  EXPECT_EQ(inherited.sharing, with(reader, Access::write)) << "its owner needs no share of it";
  EXPECT_EQ(ok(set_->conversations().update(me_, shared, "kept", std::nullopt)).title, "kept");
  EXPECT_EQ(contents(shared), Ids{"an albatross"});
  EXPECT_EQ(code_of_send(reader, shared), "ok");
  EXPECT_TRUE(ok(set_->conversations().get(me_, mine)).sharing.is_private());
  for (const std::string& id : {shared, own, mine}) fails(Code::not_found, set_->conversations().get(leaver, id));
  fails(Code::not_found, set_->conversations().get(me_, own));
  EXPECT_EQ(listed(leaver), Ids{});
  // Back again: what was private, but no share of before.
  ok(workspaces().add_member(me_, leaver.user_id, Role::member));
  EXPECT_EQ(listed(leaver), Ids{own});
}

TEST_P(SharingSuite, PagesMixOnesOwnAndSharedOnes) {
  const Principal other = join(Role::member);
  Ids expected;
  for (int i = 0; i < 12; ++i) {
    const bool mine = i % 3 == 0;
    const Conversation made = ok(set_->conversations().create(mine ? me_ : other, std::to_string(i)));
    if (i % 3 == 1) ok(set_->conversations().share(other, made.id, with(me_, Access::read)));
    if (i % 3 != 2) expected.insert(expected.begin(), made.id);
    clock_.advance(Millis(i % 2));
  }
  Ids seen;
  ConversationFilter filter;
  filter.limit = 3;
  for (int page = 0; page < 10; ++page) {
    const auto items = ok(set_->conversations().list(me_, filter));
    for (const Conversation& item : items.items) seen.push_back(item.id);
    if (!items.next) break;
    filter.cursor = *items.next;
  }
  EXPECT_EQ(seen, expected);
}

TEST_P(SharingSuite, AnOldPrincipalHasNoOldRights) {
  const Principal admin = join(Role::admin);
  const std::string id = ok(set_->conversations().create(admin, "")).id;
  ok(workspaces().set_role(me_, admin.user_id, Role::member));
  EXPECT_EQ(ok(send(admin, id, "as an admin?")).turn.principal.role, Role::member);
  ok(workspaces().set_role(me_, admin.user_id, Role::guest));
  EXPECT_EQ(code_of_send(admin, id), "permission_denied");
  ok(workspaces().remove_member(me_, admin.user_id));
  EXPECT_EQ(code_of_send(admin, id), "not_found");
  fails(Code::not_found, set_->conversations().get(admin, id));
  EXPECT_EQ(listed(admin), Ids{});
}

}  // namespace librebird::testkit
