#pragma once

// Part of store_suite.hpp: accounts, sessions, scopes, attempts.

namespace librebird::testkit {

inline constexpr Millis kIdle{14LL * 24 * 3600 * 1000};

class AccountSuite : public StoreSuite {
 protected:
  AccountStore& accounts() { return set_->accounts(); }
  CredentialStore& credentials() { return set_->credentials(); }

  SignInAccount make(const std::string& email, bool verified = false) {
    return ok(accounts().create({.email = email,
                                 .email_verified = verified,
                                 .display_name = "Somebody",
                                 .password_hash = "hash of " + email,
                                 .own_workspace = true}));
  }
  Session open(const std::string& user_id, const std::string& hash, Millis lifetime = Millis(3'600'000)) {
    return ok(credentials().open_session({.user_id = user_id,
                                          .hash = hash,
                                          .expires_at = clock_.unix_now() + lifetime.count(),
                                          .address = "192.0.2.7",
                                          .user_agent = "test"}));
  }
  void mail(TokenPurpose purpose, const SignInAccount& who, const std::string& hash) {
    ok(accounts().add_token(
        {purpose, who.account.user.id, who.account.user.email.value_or(""), hash, clock_.unix_now() + 1000}));
  }
  int audited(const Principal& principal, AuditKind kind, const std::string& subject) {
    int count = 0;
    for (const AuditEntry& entry : ok(set_->audit().list(principal, 1000))) {
      if (entry.kind == kind && (subject.empty() || entry.tool == subject)) ++count;
    }
    return count;
  }
};

TEST_P(AccountSuite, AreMadeWithAWorkspaceOfTheirOwn) {
  const SignInAccount made = make("a@example.org");
  EXPECT_EQ(made.principal.role, Role::owner);
  EXPECT_EQ(ok(set_->identities().get_workspace(made.principal)).owner_id, made.account.user.id);
  EXPECT_TRUE(made.account.has_password);
  EXPECT_FALSE(made.account.email_verified_at.has_value());
  fails(Code::already_exists, accounts().create({.email = "a@example.org", .display_name = "Other"}));
  const auto found = ok(accounts().find_by_email("a@example.org"));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->password_hash, "hash of a@example.org");
  EXPECT_EQ(found->principal, made.principal);
  EXPECT_FALSE(ok(accounts().find_by_email("b@example.org")).has_value());
  fails(Code::not_found, accounts().get(ids_.next()));
  EXPECT_EQ(ok(accounts().list("", 100)).size(), 3U);  // the owner and the stranger as well
  EXPECT_EQ(ok(accounts().list(made.account.user.id, 100)).size(), 0U);
  EXPECT_EQ(audited(made.principal, AuditKind::account, "account"), 1);
}

TEST_P(AccountSuite, WithoutAWorkspaceNobodySignsIn) {
  const SignInAccount made =
      ok(accounts().create({.email = "a@example.org", .display_name = "A", .own_workspace = false}));
  EXPECT_EQ(made.principal.workspace_id, "");
  fails(
      Code::unauthenticated,
      credentials().open_session({.user_id = made.account.user.id, .hash = "s", .expires_at = clock_.unix_now() + 9}));
  ok(accounts().remove(made.account.user.id));
  fails(Code::not_found, accounts().get(made.account.user.id));
  fails(Code::not_found, accounts().remove(me_.user_id));  // it has a workspace
}

TEST_P(AccountSuite, APasswordChangeEndsTheOtherSessions) {
  const SignInAccount who = make("a@example.org");
  const Session here = open(who.account.user.id, "here");
  open(who.account.user.id, "there");
  const std::int64_t epoch = ok(accounts().set_password(here.principal, "new", here.id));
  EXPECT_EQ(epoch, 1);
  EXPECT_EQ(ok(credentials().find_session("here", "", kIdle)).epoch, epoch);
  fails(Code::unauthenticated, credentials().find_session("there", "", kIdle));
  EXPECT_EQ(ok(accounts().get(who.account.user.id)).password_hash, "new");
  EXPECT_EQ(audited(who.principal, AuditKind::account, "password"), 1);
  ok(accounts().rehash_password(who.account.user.id, "old", "lost"));
  ok(accounts().rehash_password(who.account.user.id, "new", "newer"));
  EXPECT_EQ(ok(accounts().get(who.account.user.id)).password_hash, "newer");
  EXPECT_EQ(ok(credentials().find_session("here", "", kIdle)).id, here.id);
}

TEST_P(AccountSuite, ADisabledAccountOpensNothing) {
  const SignInAccount who = make("a@example.org");
  open(who.account.user.id, "session");
  ok(credentials().add_api_key(who.principal, {.name = "k", .prefix = "p", .hash = "key", .scopes = {KeyScope::read}}));
  ok(credentials().add_sign_in_link(who.principal, "link", clock_.unix_now() + 1000));
  mail(TokenPurpose::sign_in, who, "mailed");
  ok(accounts().set_disabled(who.principal, true));
  fails(Code::unauthenticated, credentials().find_session("session", "", kIdle));
  fails(Code::unauthenticated, credentials().find_api_key("key", ""));
  fails(Code::unauthenticated,
        credentials().redeem_sign_in_link("link", {.hash = "s", .expires_at = clock_.unix_now() + 9}));
  fails(Code::unauthenticated, accounts().use_token(TokenPurpose::sign_in, "mailed"));
  fails(Code::unauthenticated,
        credentials().open_session({.user_id = who.account.user.id, .hash = "s", .expires_at = clock_.unix_now() + 9}));
  ok(accounts().set_disabled(who.principal, false));
  fails(Code::unauthenticated, credentials().find_session("session", "", kIdle));
  ok(credentials().find_api_key("key", ""));
}

TEST_P(AccountSuite, SessionsAreListedAndEnded) {
  const SignInAccount who = make("a@example.org");
  const Session here = open(who.account.user.id, "here");
  clock_.advance(Millis(5));
  const Session token = open(who.account.user.id, "");
  EXPECT_EQ(token.kind, SessionKind::token);
  EXPECT_EQ(ok(credentials().find_token_session(token.id, "", kIdle)).principal.user_id, who.account.user.id);
  fails(Code::unauthenticated, credentials().find_token_session(here.id, "", kIdle));  // a browser's is no token's
  fails(Code::unauthenticated, credentials().find_session("", "", kIdle));
  const auto listed = ok(credentials().list_sessions(who.principal, kIdle));
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].id, token.id);
  EXPECT_EQ(listed[1].address, "192.0.2.7");
  EXPECT_EQ(listed[1].user_agent, "test");
  EXPECT_TRUE(ok(credentials().list_sessions(stranger_, kIdle)).empty());
  fails(Code::not_found, credentials().delete_session(stranger_, here.id));
  ok(credentials().delete_session(who.principal, token.id));
  fails(Code::unauthenticated, credentials().find_token_session(token.id, "", kIdle));
  EXPECT_EQ(ok(credentials().end_sessions(who.principal, "")), 1);
  fails(Code::unauthenticated, credentials().find_session("here", "", kIdle));
  EXPECT_TRUE(ok(credentials().list_sessions(who.principal, kIdle)).empty());
}

TEST_P(AccountSuite, SessionsDieOfAgeAndOfIdleness) {
  const SignInAccount who = make("a@example.org");
  open(who.account.user.id, "session", Millis(1'000'000));
  for (int i = 0; i < 9; ++i) {
    clock_.advance(Millis(100'000));
    ok(credentials().find_session("session", "", Millis(150'000)));
  }
  clock_.advance(Millis(99'999));
  ok(credentials().find_session("session", "", Millis(150'000)));
  clock_.advance(Millis(1));
  fails(Code::unauthenticated, credentials().find_session("session", "", Millis(150'000)));
  open(who.account.user.id, "idle", Millis(1'000'000));
  clock_.advance(Millis(150'000));
  fails(Code::unauthenticated, credentials().find_session("idle", "", Millis(150'000)));
}

TEST_P(AccountSuite, OnlySoManySessionsAreKept) {
  const SignInAccount who = make("a@example.org");
  for (int i = 0; i < 105; ++i) {
    clock_.advance(Millis(1));
    open(who.account.user.id, "s" + std::to_string(i));
  }
  EXPECT_EQ(ok(credentials().list_sessions(who.principal, kIdle)).size(), 100U);
  fails(Code::unauthenticated, credentials().find_session("s4", "", kIdle));
  ok(credentials().find_session("s5", "", kIdle));
}

TEST_P(AccountSuite, TheWorkspaceIsChosenAmongOnesOwn) {
  open(me_.user_id, "session");
  EXPECT_EQ(ok(credentials().find_session("session", "", kIdle)).principal.workspace_id, me_.workspace_id);
  EXPECT_EQ(ok(credentials().find_session("session", me_.workspace_id, kIdle)).principal.role, Role::owner);
  fails(Code::permission_denied, credentials().find_session("session", stranger_.workspace_id, kIdle));
  fails(Code::permission_denied, credentials().find_session("session", ids_.next(), kIdle));
  fails(Code::unauthenticated, credentials().find_session("other", stranger_.workspace_id, kIdle));
  set_->tamper("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) VALUES ('" +
               stranger_.workspace_id + "', '" + me_.user_id + "', 'guest', 9999999999999)");
  const Session there = ok(credentials().find_session("session", stranger_.workspace_id, kIdle));
  EXPECT_EQ(there.principal.role, Role::guest);
  EXPECT_EQ(ok(credentials().find_session("session", "", kIdle)).principal.workspace_id, me_.workspace_id);
  // The role is the one of this moment, and a lost membership is felt at once.
  set_->tamper("UPDATE workspace_members SET role = 'admin' WHERE role = 'guest'");
  EXPECT_EQ(ok(credentials().find_session("session", stranger_.workspace_id, kIdle)).principal.role, Role::admin);
  set_->tamper("DELETE FROM workspace_members WHERE role = 'admin'");
  fails(Code::permission_denied, credentials().find_session("session", stranger_.workspace_id, kIdle));
  EXPECT_EQ(ok(set_->accounts().memberships(me_.user_id)).size(), 1U);
}

TEST_P(AccountSuite, ApiKeysHaveScopesAndAnEnd) {
  NewApiKey request{.name = "k", .prefix = "p", .hash = "key", .scopes = {KeyScope::read, KeyScope::chat}};
  request.expires_at = clock_.unix_now() + 1000;
  request.cidrs = {"10.0.0.0/8", "2001:db8::/32"};
  const ApiKey made = ok(credentials().add_api_key(me_, request));
  const FoundApiKey found = ok(credentials().find_api_key("key", me_.workspace_id));
  EXPECT_EQ(found.key.scopes, made.scopes);
  EXPECT_EQ(found.key.cidrs, request.cidrs);
  EXPECT_EQ(found.key.expires_at, request.expires_at);
  fails(Code::permission_denied, credentials().find_api_key("key", stranger_.workspace_id));
  EXPECT_EQ(audited(me_, AuditKind::api_key, made.id), 1);
  clock_.advance(Millis(1000));
  fails(Code::unauthenticated, credentials().find_api_key("key", ""));
}

TEST_P(AccountSuite, TokensWorkOnceForTheirPurposeAndAddress) {
  const SignInAccount who = make("a@example.org");
  mail(TokenPurpose::reset_password, who, "t1");
  fails(Code::unauthenticated, accounts().use_token(TokenPurpose::sign_in, "t1"));
  EXPECT_EQ(ok(accounts().find_token(TokenPurpose::reset_password, "t1")).account.user.id, who.account.user.id);
  const SignInAccount used = ok(accounts().use_token(TokenPurpose::reset_password, "t1"));
  EXPECT_EQ(used.account.email_verified_at, clock_.unix_now());
  EXPECT_EQ(used.password_hash, "hash of a@example.org");
  fails(Code::unauthenticated, accounts().use_token(TokenPurpose::reset_password, "t1"));
  fails(Code::unauthenticated, accounts().find_token(TokenPurpose::reset_password, "t1"));
  mail(TokenPurpose::verify_email, who, "t2");
  ok(accounts().set_email(who.principal, "b@example.org"));
  fails(Code::unauthenticated, accounts().use_token(TokenPurpose::verify_email, "t2"));
  EXPECT_FALSE(ok(accounts().get(who.account.user.id)).account.email_verified_at.has_value());
  mail(TokenPurpose::verify_email, ok(accounts().get(who.account.user.id)), "t3");
  clock_.advance(Millis(1000));
  fails(Code::unauthenticated, accounts().use_token(TokenPurpose::verify_email, "t3"));
}

TEST_P(AccountSuite, AMailedSignInTakesAnUnverifiedAccountFromWhoeverMadeIt) {
  const SignInAccount squatted = make("victim@example.org");
  open(squatted.account.user.id, "squatter");
  mail(TokenPurpose::sign_in, squatted, "mailed");
  const SignInAccount who = ok(accounts().use_token(TokenPurpose::sign_in, "mailed"));
  EXPECT_FALSE(who.account.has_password);
  EXPECT_TRUE(who.account.email_verified_at.has_value());
  fails(Code::unauthenticated, credentials().find_session("squatter", "", kIdle));
  // A verified one keeps its password.
  const SignInAccount verified = make("v@example.org", true);
  mail(TokenPurpose::sign_in, verified, "mailed too");
  EXPECT_TRUE(ok(accounts().use_token(TokenPurpose::sign_in, "mailed too")).account.has_password);
}

TEST_P(AccountSuite, AddressesBelongToOneAccount) {
  const SignInAccount a = make("a@example.org", true);
  make("b@example.org");
  fails(Code::already_exists, accounts().set_email(a.principal, "b@example.org"));
  ok(accounts().set_email(a.principal, "a@example.org"));
  EXPECT_TRUE(ok(accounts().get(a.account.user.id)).account.email_verified_at.has_value()) << "nothing changed";
}

TEST_P(AccountSuite, ASecondFactorIsSealedConfirmedAndRemoved) {
  const SignInAccount who = make("a@example.org");
  fails(Code::not_found, accounts().second_factor(who.account.user.id));
  fails(Code::failed_precondition, accounts().confirm_second_factor(who.principal, 5, {}));
  ok(accounts().begin_second_factor(who.principal, "first secret"));
  ok(accounts().begin_second_factor(who.principal, "totp secret"));
  EXPECT_FALSE(ok(accounts().get(who.account.user.id)).account.second_factor);
  const std::string stored = set_->tamper("SELECT totp_secret FROM users WHERE id = '" + who.account.user.id + "'");
  EXPECT_EQ(stored.find("totp secret"), std::string::npos);
  ok(accounts().confirm_second_factor(who.principal, 5, {"r1", "r2"}));
  const Account account = ok(accounts().get(who.account.user.id)).account;
  EXPECT_TRUE(account.second_factor);
  EXPECT_EQ(account.recovery_codes, 2);
  fails(Code::failed_precondition, accounts().begin_second_factor(who.principal, "another"));
  const SecondFactor factor = ok(accounts().second_factor(who.account.user.id));
  EXPECT_EQ(factor.secret, "totp secret");
  EXPECT_TRUE(factor.confirmed);
  EXPECT_FALSE(ok(accounts().take_step(who.account.user.id, 5)));
  EXPECT_TRUE(ok(accounts().take_step(who.account.user.id, 6)));
  EXPECT_FALSE(ok(accounts().take_step(who.account.user.id, 6)));
  EXPECT_FALSE(ok(accounts().take_step(who.account.user.id, 4)));
  EXPECT_TRUE(ok(accounts().use_recovery_code(who.principal, "r1")));
  EXPECT_FALSE(ok(accounts().use_recovery_code(who.principal, "r1")));
  EXPECT_FALSE(ok(accounts().use_recovery_code(stranger_, "r2")));
  ok(accounts().set_recovery_codes(who.principal, {"r3"}));
  EXPECT_FALSE(ok(accounts().use_recovery_code(who.principal, "r2")));
  ok(accounts().remove_second_factor(who.principal));
  EXPECT_FALSE(ok(accounts().get(who.account.user.id)).account.second_factor);
  EXPECT_FALSE(ok(accounts().use_recovery_code(who.principal, "r3")));
  EXPECT_EQ(audited(who.principal, AuditKind::account, "second factor"), 2);
}

TEST_P(AccountSuite, ASealedSecretIsOfNoUseInAnothersRow) {
  const SignInAccount a = make("a@example.org");
  const SignInAccount b = make("b@example.org");
  ok(accounts().begin_second_factor(a.principal, "secret of a"));
  set_->tamper(
      "UPDATE users SET totp_secret = (SELECT totp_secret FROM users WHERE email = 'a@example.org') WHERE email "
      "= 'b@example.org'");
  fails(Code::data_loss, accounts().second_factor(b.account.user.id));
}

TEST_P(AccountSuite, ExternalIdentitiesAreLinkedByVerifiedAddressesOnly) {
  const SignInAccount verified = make("v@example.org", true);
  const SignInAccount squatted = make("s@example.org");
  ExternalIdentity identity{"https://issuer", "1", "v@example.org", true, "V"};
  EXPECT_EQ(ok(accounts().find_or_link(identity, false)).id, verified.account.user.id);
  identity.email = "changed@example.org";
  EXPECT_EQ(ok(accounts().find_or_link(identity, false)).id, verified.account.user.id) << "known by its subject";
  // One side has not verified it.
  const User apart = ok(accounts().find_or_link({"https://issuer", "2", "s@example.org", true, "S"}, true));
  EXPECT_NE(apart.id, squatted.account.user.id);
  EXPECT_EQ(apart.email, std::nullopt);
  const User other = ok(accounts().find_or_link({"https://issuer", "3", "v@example.org", false, "W"}, true));
  EXPECT_NE(other.id, verified.account.user.id);
  EXPECT_EQ(other.email, std::nullopt);
  // The same subject of another issuer is somebody else.
  EXPECT_NE(ok(accounts().find_or_link({"https://other", "1", std::nullopt, false, "X"}, true)).id,
            verified.account.user.id);
  const User fresh = ok(accounts().find_or_link({"https://issuer", "4", "n@example.org", true, "N"}, true));
  EXPECT_EQ(fresh.email, "n@example.org");
  fails(Code::permission_denied, accounts().find_or_link({"https://issuer", "5", "m@example.org", true, "M"}, false));
  ok(accounts().set_disabled(verified.principal, true));
  fails(Code::permission_denied, accounts().find_or_link(identity, true));
}

TEST_P(AccountSuite, FailuresCloseForLongerAndLonger) {
  const AttemptLimit account{.subject = "account:a", .free = 3, .first = Millis(1000), .most = Millis(3000)};
  const AttemptLimit address{.subject = "address:b", .free = 100, .forgive = false};
  const std::vector<AttemptLimit> both{account, address};
  for (int i = 0; i < 4; ++i) ok(accounts().begin_attempt(both));
  const auto closed = [&](Millis left) {
    const auto refused = run(accounts().begin_attempt(both));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::resource_exhausted);
    EXPECT_EQ(refused.error().retry_after, left);
  };
  closed(Millis(1000));
  clock_.advance(Millis(999));
  closed(Millis(1));
  ok(accounts().begin_attempt({address}));
  ok(accounts().begin_attempt({{.subject = "account:another"}}));
  clock_.advance(Millis(1));
  ok(accounts().begin_attempt(both));
  closed(Millis(2000));
  clock_.advance(Millis(2000));
  ok(accounts().begin_attempt(both));
  closed(Millis(3000));
  clock_.advance(Millis(3000));
  ok(accounts().begin_attempt(both));
  ok(accounts().end_attempt(both));
  for (int i = 0; i < 4; ++i) ok(accounts().begin_attempt({account}));
  fails(Code::resource_exhausted, accounts().begin_attempt({account}));
  clock_.advance(Millis(25LL * 3600 * 1000));
  ok(accounts().begin_attempt({account}));
  EXPECT_EQ(set_->tamper("SELECT COUNT(*) FROM sign_in_attempts"), "1") << "a day later all else is forgotten";
}

TEST_P(AccountSuite, ASuccessTakesBackOnlyItsOwnOfAnAddress) {
  const AttemptLimit address{.subject = "address:b", .free = 2, .forgive = false};
  ok(accounts().begin_attempt({address}));
  ok(accounts().begin_attempt({address}));
  ok(accounts().begin_attempt({address}));
  fails(Code::resource_exhausted, accounts().begin_attempt({address}));
  ok(accounts().end_attempt({address}));
  ok(accounts().begin_attempt({address}));
  fails(Code::resource_exhausted, accounts().begin_attempt({address}));
}

TEST_P(AccountSuite, ManyAttemptsAtOnceAreNotLetThrough) {
  std::vector<Task<Status>> attempts;
  for (int i = 0; i < 50; ++i) attempts.push_back(accounts().begin_attempt({{.subject = "account:a", .free = 5}}));
  int through = 0;
  for (const Status& status : runner_.run_all(std::move(attempts))) through += status.ok() ? 1 : 0;
  EXPECT_EQ(through, 6) << "five may fail, the sixth closes";
}

TEST_P(AccountSuite, TheTokenKeyIsMadeOnceAndSealed) {
  EXPECT_EQ(ok(accounts().token_key("first")), "first");
  EXPECT_EQ(ok(accounts().token_key("second")), "first");
  EXPECT_EQ(set_->tamper("SELECT value FROM server_keys").find("first"), std::string::npos);
}

}  // namespace librebird::testkit
