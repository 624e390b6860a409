#pragma once

// Part of store_suite.hpp: identities, credentials.

namespace librebird::testkit {

inline NewApiKey laptop_key() {
  return {.name = "laptop", .prefix = "lb_abc", .hash = "hash", .scopes = {KeyScope::read}};
}

TEST_P(StoreSuite, OwnerIsMadeOnce) {
  EXPECT_EQ(ok(set_->identities().ensure_owner()), me_);
  EXPECT_EQ(me_.role, Role::owner);
  EXPECT_EQ(ok(set_->identities().get_user(me_)).display_name, "Owner");
  const Workspace home = ok(set_->identities().get_workspace(me_));
  EXPECT_EQ(home.name, "Home");
  EXPECT_EQ(home.owner_id, me_.user_id);
}

TEST_P(StoreSuite, UsersOfOtherWorkspacesAreNotSeen) {
  Principal mixed = me_;
  mixed.workspace_id = stranger_.workspace_id;
  fails(Code::not_found, set_->identities().get_user(mixed));
  fails(Code::not_found, set_->identities().get_workspace(mixed));
}

TEST_P(StoreSuite, SignInLinkWorksOnce) {
  const UnixMillis later = clock_.unix_now() + 1000;
  ok(set_->credentials().add_sign_in_link(me_, "link", later));
  const Session session = ok(set_->credentials().redeem_sign_in_link("link", {.hash = "session", .expires_at = later}));
  EXPECT_EQ(session.principal.user_id, me_.user_id);
  EXPECT_EQ(session.principal.role, Role::owner);
  EXPECT_EQ(session.principal.credential_id, session.id);
  fails(Code::unauthenticated, set_->credentials().redeem_sign_in_link("link", {.hash = "again", .expires_at = later}));
  fails(Code::unauthenticated,
        set_->credentials().redeem_sign_in_link("' OR 1=1 --", {.hash = "again", .expires_at = later}));
  EXPECT_EQ(ok(set_->credentials().find_session("session", "", Millis(3'600'000))).id, session.id);
  fails(Code::unauthenticated, set_->credentials().find_session("again", "", Millis(3'600'000)));
}

TEST_P(StoreSuite, LinksAndSessionsExpire) {
  ok(set_->credentials().add_sign_in_link(me_, "old", clock_.unix_now() + 10));
  ok(set_->credentials().add_sign_in_link(me_, "link", clock_.unix_now() + 1000));
  clock_.advance(Millis(10));
  fails(Code::unauthenticated,
        set_->credentials().redeem_sign_in_link("old", {.hash = "s", .expires_at = clock_.unix_now() + 10}));
  ok(set_->credentials().redeem_sign_in_link("link", {.hash = "session", .expires_at = clock_.unix_now() + 10}));
  ok(set_->credentials().find_session("session", "", Millis(3'600'000)));
  clock_.advance(Millis(10));
  fails(Code::unauthenticated, set_->credentials().find_session("session", "", Millis(3'600'000)));
}

TEST_P(StoreSuite, DeletedSessionIsGone) {
  ok(set_->credentials().add_sign_in_link(me_, "link", clock_.unix_now() + 1000));
  const Session session =
      ok(set_->credentials().redeem_sign_in_link("link", {.hash = "session", .expires_at = clock_.unix_now() + 1000}));
  ok(set_->credentials().delete_session(me_, session.id));
  fails(Code::unauthenticated, set_->credentials().find_session("session", "", Millis(3'600'000)));
  fails(Code::not_found, set_->credentials().delete_session(me_, session.id));
}

TEST_P(StoreSuite, ApiKeysAreFoundListedAndRevoked) {
  const ApiKey key = ok(set_->credentials().add_api_key(me_, laptop_key()));
  const Principal principal = ok(set_->credentials().find_api_key("hash", "")).principal;
  EXPECT_EQ(principal.user_id, me_.user_id);
  EXPECT_EQ(principal.credential_id, key.id);
  fails(Code::unauthenticated, set_->credentials().find_api_key("other", ""));
  EXPECT_TRUE(ok(set_->credentials().list_api_keys(stranger_)).empty());
  fails(Code::not_found, set_->credentials().revoke_api_key(stranger_, key.id));
  ok(set_->credentials().revoke_api_key(me_, key.id));
  fails(Code::not_found, set_->credentials().revoke_api_key(me_, key.id));
  fails(Code::unauthenticated, set_->credentials().find_api_key("hash", ""));
  EXPECT_TRUE(ok(set_->credentials().list_api_keys(me_)).empty());
}

TEST_P(StoreSuite, ApiKeyUseIsNotedOnceAMinute) {
  ok(set_->credentials().add_api_key(me_, laptop_key()));
  const auto last_used = [&] { return ok(set_->credentials().list_api_keys(me_)).front().last_used_at; };
  EXPECT_EQ(last_used(), std::nullopt);
  const UnixMillis first = clock_.unix_now();
  ok(set_->credentials().find_api_key("hash", ""));
  EXPECT_EQ(last_used(), first);
  clock_.advance(Millis(59'000));
  ok(set_->credentials().find_api_key("hash", ""));
  EXPECT_EQ(last_used(), first);
  clock_.advance(Millis(1000));
  ok(set_->credentials().find_api_key("hash", ""));
  EXPECT_EQ(last_used(), first + 60'000);
}

}  // namespace librebird::testkit
