#pragma once

// Part of store_suite.hpp: workspaces, members, invitations.

namespace librebird::testkit {

class WorkspaceSuite : public StoreSuite {
 protected:
  WorkspaceStore& workspaces() { return set_->workspaces(); }
  InvitationStore& invitations() { return set_->invitations(); }

  // Somebody new, with this role in my workspace.
  Principal join(Role role) {
    const Principal home = set_->add_stranger();
    ok(workspaces().add_member(me_, home.user_id, role));
    return {home.user_id, me_.workspace_id, role, ""};
  }
  std::optional<Role> role_of(const Principal& who) { return ok(workspaces().role_of(who.user_id, who.workspace_id)); }
  Invitation invite(const std::string& hash, Role role = Role::member, std::optional<std::string> email = {}) {
    return ok(invitations().create(me_, hash, role, std::move(email), clock_.unix_now() + 1000));
  }
  // For somebody whose principal is older than what happened since.
  Status status_of(Task<Status> task) { return runner_.run(std::move(task)); }
  void fails_status(Code code, Task<Status> task) {
    const Status status = status_of(std::move(task));
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(to_string(status.error().code), to_string(code)) << status.error().message;
  }
};

TEST_P(WorkspaceSuite, OneIsMadeRenamedAndDeleted) {
  const WorkspaceMembership made = ok(workspaces().create(me_, "Acme"));
  EXPECT_EQ(made.role, Role::owner);
  EXPECT_EQ(made.workspace.owner_id, me_.user_id);
  EXPECT_EQ(made.workspace.created_at, clock_.unix_now());
  const auto mine = ok(workspaces().list(me_));
  ASSERT_EQ(mine.size(), 2U);
  EXPECT_EQ(mine[0].workspace.name, "Acme");
  EXPECT_EQ(mine[1].workspace.name, "Home");
  Principal there = me_;
  there.workspace_id = made.workspace.id;
  EXPECT_EQ(ok(workspaces().rename(there, "Acme & Sons")).workspace.name, "Acme & Sons");
  EXPECT_EQ(ok(workspaces().get(there)).workspace.name, "Acme & Sons");
  EXPECT_EQ(ok(workspaces().get(me_)).workspace.name, "Home");
  ok(workspaces().remove(there));
  fails(Code::not_found, workspaces().get(there));
  fails_status(Code::failed_precondition, workspaces().remove(me_));
  EXPECT_EQ(ok(workspaces().list(me_)).size(), 1U);
}

TEST_P(WorkspaceSuite, DeletingOneTakesAllOfItAndNothingElse) {
  const std::string kept = conversation("kept").id;
  exchange(kept, "a kept albatross", "yes");
  Principal there = me_;
  there.workspace_id = ok(workspaces().create(me_, "Gone")).workspace.id;
  const std::string lost = ok(set_->conversations().create(there, "lost")).id;
  ok(set_->turns().accept(there, {lost, "a lost albatross", ids_.next()}));
  ok(set_->credentials().add_api_key(there, "key", "lb_", "hash there"));
  EXPECT_EQ(ok(set_->messages().search(there, "albatross", 10)).size(), 1U);
  ok(workspaces().remove(there));
  fails(Code::unauthenticated, set_->credentials().find_api_key("hash there"));
  fails(Code::not_found, set_->conversations().get(there, lost));
  EXPECT_TRUE(ok(set_->messages().search(there, "albatross", 10)).empty());
  EXPECT_EQ(ok(set_->messages().search(me_, "albatross", 10)).size(), 1U);
  EXPECT_EQ(set_->tamper("SELECT COUNT(*) FROM turns WHERE workspace_id = '" + there.workspace_id + "'"), "0");
  EXPECT_EQ(found("kept"), std::vector<std::string>{kept});
}

TEST_P(WorkspaceSuite, ManyAreRefused) {
  for (int i = 1; i < kMostWorkspaces; ++i) ok(workspaces().create(me_, "w"));
  fails(Code::resource_exhausted, workspaces().create(me_, "one more"));
  EXPECT_EQ(ok(workspaces().list(me_)).size(), static_cast<std::size_t>(kMostWorkspaces));
}

TEST_P(WorkspaceSuite, StrangersSeeAndDoNothing) {
  const Principal member = join(Role::member);
  Principal intruder = stranger_;
  intruder.workspace_id = me_.workspace_id;  // and the role owner, as he says
  fails(Code::not_found, workspaces().get(intruder));
  fails(Code::not_found, workspaces().rename(intruder, "taken"));
  fails(Code::not_found, workspaces().list_members(intruder));
  fails(Code::not_found, workspaces().add_member(intruder, stranger_.user_id, Role::admin));
  fails(Code::not_found, workspaces().set_role(intruder, member.user_id, Role::guest));
  fails(Code::not_found, workspaces().remove_member(intruder, member.user_id));
  fails_status(Code::not_found, workspaces().remove(intruder));
  fails_status(Code::not_found, workspaces().transfer(intruder, stranger_.user_id));
  fails(Code::not_found, workspaces().leave(intruder));
  fails(Code::not_found, invitations().create(intruder, "h", Role::guest, {}, clock_.unix_now() + 9));
  fails(Code::not_found, invitations().list(intruder));
  const Invitation mine = invite("hash");
  fails_status(Code::not_found, invitations().revoke(intruder, mine.id));
  fails_status(Code::not_found, invitations().revoke(stranger_, mine.id));
  // Members of elsewhere are no members here.
  fails(Code::not_found, workspaces().set_role(stranger_, member.user_id, Role::guest));
  fails(Code::not_found, workspaces().remove_member(stranger_, member.user_id));
  fails_status(Code::not_found, workspaces().transfer(stranger_, member.user_id));
  EXPECT_EQ(ok(workspaces().list_members(stranger_)).size(), 1U);
  EXPECT_EQ(ok(workspaces().list_members(me_)).size(), 2U);
  EXPECT_EQ(ok(workspaces().get(me_)).workspace.name, "Home");
}

// What each role may do here, from the one table; a role that is claimed is not believed.
TEST_P(WorkspaceSuite, TheTableOfPermissionsHolds) {
  for (const Role role : {Role::guest, Role::member, Role::admin}) {
    Principal who = join(role);
    const Principal other = join(Role::guest);
    const Principal third = join(Role::guest);
    who.role = Role::owner;
    const auto allowed = [role](bool admin_may) { return role == Role::admin && admin_may; };
    const auto code = [](const auto& result) { return result ? "ok" : std::string(to_string(result.error().code)); };
    const std::string yes = "ok";
    const std::string no = "permission_denied";
    EXPECT_EQ(code(run(workspaces().rename(who, "Home"))), allowed(true) ? yes : no);
    EXPECT_EQ(code(run(workspaces().set_role(who, other.user_id, Role::member))), allowed(true) ? yes : no);
    EXPECT_EQ(code(run(workspaces().set_role(who, other.user_id, Role::owner))), no);
    EXPECT_EQ(code(run(workspaces().set_role(who, me_.user_id, Role::guest))), no);
    EXPECT_EQ(code(run(workspaces().set_role(who, who.user_id, Role::owner))), no);
    EXPECT_EQ(code(run(workspaces().remove_member(who, me_.user_id))), no);
    EXPECT_EQ(code(run(workspaces().remove_member(who, third.user_id))), allowed(true) ? yes : no);
    EXPECT_EQ(code(status_of(workspaces().transfer(who, who.user_id))), no);
    EXPECT_EQ(code(status_of(workspaces().remove(who))), no);
    EXPECT_EQ(code(run(invitations().list(who))), allowed(true) ? yes : no);
    EXPECT_EQ(code(run(invitations().create(who, ids_.next(), Role::admin, {}, clock_.unix_now() + 9))),
              allowed(true) ? yes : no);
    EXPECT_EQ(code(run(invitations().create(who, ids_.next(), Role::owner, {}, clock_.unix_now() + 9))), no);
    EXPECT_EQ(code(run(workspaces().list_members(who))), yes);
    EXPECT_EQ(code(run(workspaces().create(who, "own"))), role == Role::guest ? no : yes);
  }
}

TEST_P(WorkspaceSuite, AdminsDoNotTouchEachOther) {
  const Principal one = join(Role::admin);
  const Principal two = join(Role::admin);
  fails(Code::permission_denied, workspaces().set_role(one, two.user_id, Role::member));
  fails(Code::permission_denied, workspaces().remove_member(one, two.user_id));
  EXPECT_EQ(ok(workspaces().set_role(me_, two.user_id, Role::member)).member->role, Role::member);
  // Two is no admin any more, whatever his principal says.
  fails(Code::permission_denied, workspaces().set_role(two, one.user_id, Role::guest));
  ok(workspaces().remove_member(one, two.user_id));
  EXPECT_EQ(role_of(two), std::nullopt);
}

TEST_P(WorkspaceSuite, OwnershipIsTransferredWhole) {
  const Principal heir = join(Role::guest);
  fails_status(Code::invalid_argument, workspaces().transfer(me_, me_.user_id));
  fails_status(Code::not_found, workspaces().transfer(me_, stranger_.user_id));
  fails(Code::failed_precondition, workspaces().leave(me_));
  ok(workspaces().transfer(me_, heir.user_id));
  EXPECT_EQ(role_of(heir), Role::owner);
  EXPECT_EQ(role_of(me_), Role::admin);
  EXPECT_EQ(ok(workspaces().get(heir)).workspace.owner_id, heir.user_id);
  EXPECT_EQ(ok(workspaces().owner_of(me_.workspace_id)).user_id, heir.user_id);
  fails_status(Code::permission_denied, workspaces().transfer(me_, me_.user_id));
  fails(Code::permission_denied, workspaces().remove_member(me_, heir.user_id));
  ok(workspaces().leave(me_));
  EXPECT_EQ(role_of(me_), std::nullopt);
  EXPECT_EQ(set_->tamper("SELECT COUNT(*) FROM workspace_members WHERE role = 'owner' AND workspace_id = '" +
                         me_.workspace_id + "'"),
            "1");
}

TEST_P(WorkspaceSuite, WhoLeavesKeepsNoKeyAndNoWork) {
  const Principal leaver = join(Role::admin);
  const std::string own = ok(set_->conversations().create(leaver, "private thoughts")).id;
  const Accepted queued = ok(set_->turns().accept(leaver, {own, "still waiting", ids_.next()}));
  ok(set_->credentials().add_api_key(leaver, "key", "lb_", "leaver's key"));
  ok(set_->credentials().add_sign_in_link(leaver, "link", clock_.unix_now() + 1000));
  ok(invitations().create(leaver, "by leaver", Role::member, {}, clock_.unix_now() + 1000));
  const MemberChange left = ok(workspaces().leave(leaver));
  EXPECT_FALSE(left.member);
  EXPECT_TRUE(left.fewer_rights);
  ASSERT_EQ(left.ended.size(), 1U);
  EXPECT_EQ(left.ended[0].id, queued.turn.id);
  fails(Code::unauthenticated, set_->credentials().find_api_key("leaver's key"));
  fails(Code::unauthenticated, set_->credentials().redeem_sign_in_link("link", "session", clock_.unix_now() + 1000));
  fails(Code::not_found, invitations().find("by leaver"));
  fails(Code::not_found, workspaces().get(leaver));
  fails(Code::not_found, workspaces().leave(leaver));
  EXPECT_TRUE(ok(set_->turns().conversations_with_work()).empty());
  EXPECT_EQ(ok(set_->turns().lease(own, "worker", Millis(1000), 10)), std::nullopt);
  // Private ones wait, unseen by anybody, until their author comes back.
  fails(Code::not_found, set_->conversations().get(me_, own));
  ok(workspaces().add_member(me_, leaver.user_id, Role::member));
  EXPECT_EQ(ok(set_->conversations().get(leaver, own)).title, "private thoughts");
  EXPECT_EQ(ok(set_->turns().get(leaver, queued.turn.id)).status, TurnStatus::cancelled);
}

TEST_P(WorkspaceSuite, ALowerRoleEndsWhatAHigherOneBegan) {
  const Principal admin = join(Role::admin);
  const std::string own = ok(set_->conversations().create(admin, "")).id;
  const Accepted first = ok(set_->turns().accept(admin, {own, "one", ids_.next()}));
  LeasedTurn running = lease(own);
  const Accepted second = ok(set_->turns().accept(admin, {own, "two", ids_.next()}));
  ok(invitations().create(admin, "by admin", Role::admin, {}, clock_.unix_now() + 1000));
  const MemberChange sunk = ok(workspaces().set_role(me_, admin.user_id, Role::member));
  EXPECT_EQ(sunk.member->role, Role::member);
  EXPECT_TRUE(sunk.fewer_rights);
  ASSERT_EQ(sunk.ended.size(), 1U);
  EXPECT_EQ(sunk.ended[0].id, second.turn.id);
  EXPECT_TRUE(ok(set_->turns().get(admin, first.turn.id)).cancel_requested);
  EXPECT_EQ(ok(set_->turns().get(admin, second.turn.id)).status, TurnStatus::cancelled);
  fails(Code::not_found, invitations().find("by admin"));
  // A rise ends nothing.
  const Accepted third = ok(set_->turns().accept(admin, {own, "three", ids_.next()}));
  EXPECT_FALSE(ok(workspaces().set_role(me_, admin.user_id, Role::admin)).fewer_rights);
  EXPECT_EQ(ok(set_->turns().get(admin, third.turn.id)).status, TurnStatus::queued);
}

TEST_P(WorkspaceSuite, AnInvitationIsAcceptedOnce) {
  const Invitation made = invite("hash", Role::member);
  EXPECT_EQ(made.workspace_name, "Home");
  EXPECT_EQ(made.invited_by, "Owner");
  EXPECT_EQ(made.state, InvitationState::open);
  EXPECT_EQ(ok(invitations().find("hash")).id, made.id);
  EXPECT_EQ(ok(invitations().list(me_)).size(), 1U);
  fails(Code::not_found, invitations().accept("' OR 1=1 --", stranger_.user_id));
  const WorkspaceMembership joined = ok(invitations().accept("hash", stranger_.user_id));
  EXPECT_EQ(joined.role, Role::member);
  EXPECT_EQ(joined.workspace.id, me_.workspace_id);
  EXPECT_EQ(ok(workspaces().list(stranger_)).size(), 2U);
  fails(Code::not_found, invitations().find("hash"));
  fails(Code::not_found, invitations().accept("hash", set_->add_stranger().user_id));
  fails_status(Code::not_found, invitations().decline("hash"));
  fails_status(Code::not_found, invitations().revoke(me_, made.id));
  EXPECT_TRUE(ok(invitations().list(me_)).empty());
}

TEST_P(WorkspaceSuite, AMemberUsesNoInvitationUp) {
  invite("hash", Role::admin);
  const Principal member = join(Role::member);
  fails(Code::already_exists, invitations().accept("hash", member.user_id));
  EXPECT_EQ(role_of(member), Role::member);
  EXPECT_EQ(ok(invitations().find("hash")).state, InvitationState::open);
  EXPECT_EQ(ok(invitations().accept("hash", stranger_.user_id)).role, Role::admin);
}

TEST_P(WorkspaceSuite, InvitationsExpireAndAreDeclinedAndRevoked) {
  invite("late");
  clock_.advance(Millis(1000));
  fails(Code::not_found, invitations().accept("late", stranger_.user_id));
  EXPECT_TRUE(ok(invitations().list(me_)).empty());
  invite("declined");
  ok(invitations().decline("declined"));
  fails(Code::not_found, invitations().accept("declined", stranger_.user_id));
  const Invitation revoked = invite("revoked");
  ok(invitations().revoke(me_, revoked.id));
  fails(Code::not_found, invitations().accept("revoked", stranger_.user_id));
  EXPECT_EQ(ok(workspaces().list_members(me_)).size(), 1U);
}

TEST_P(WorkspaceSuite, AnInvitationByMailIsForThatAddress) {
  invite("mail", Role::member, "Kim@Example.org");
  fails(Code::permission_denied, invitations().accept("mail", stranger_.user_id));
  fails(Code::permission_denied, invitations().accept("mail", "nobody"));
  set_->tamper("UPDATE users SET email = 'kim@example.org' WHERE id = '" + stranger_.user_id + "'");
  EXPECT_EQ(ok(workspaces().find_user("KIM@example.org")).id, stranger_.user_id);
  ok(invitations().accept("mail", stranger_.user_id));
  EXPECT_EQ(ok(workspaces().list_members(me_))[1].email, "kim@example.org");
}

TEST_P(WorkspaceSuite, OfTwoWhoAcceptAtOnceOneJoins) {
  invite("hash");
  std::vector<Task<Result<WorkspaceMembership>>> tasks;
  for (int i = 0; i < 8; ++i) tasks.push_back(invitations().accept("hash", set_->add_stranger().user_id));
  int joined = 0;
  for (const auto& result : runner_.run_all(std::move(tasks))) joined += result.ok() ? 1 : 0;
  EXPECT_EQ(joined, 1);
  EXPECT_EQ(ok(workspaces().list_members(me_)).size(), 2U);
}

TEST_P(WorkspaceSuite, AWorkspaceHasABound) {
  set_->tamper("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
               std::to_string(kMostMembers - 1) +
               ") INSERT INTO users (id, display_name, created_at) SELECT 'crowd' || i, 'x', 0 FROM n");
  set_->tamper("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) SELECT '" + me_.workspace_id +
               "', id, 'guest', 0 FROM users WHERE id LIKE 'crowd%'");
  fails(Code::resource_exhausted, workspaces().add_member(me_, stranger_.user_id, Role::guest));
  invite("hash");
  fails(Code::resource_exhausted, invitations().accept("hash", stranger_.user_id));
  EXPECT_EQ(ok(workspaces().list_members(me_)).size(), static_cast<std::size_t>(kMostMembers));
}

}  // namespace librebird::testkit
