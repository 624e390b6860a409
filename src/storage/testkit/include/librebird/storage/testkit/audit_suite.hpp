#pragma once

// Part of store_suite.hpp: the audit log's chains, and sealed secrets. Some tests write to the database behind the
// stores' back, as somebody with the file could.

#include <librebird/core/audit/chain.hpp>

namespace librebird::testkit {

inline AuditEntry call_of(const Principal& principal, const std::string& id) {
  AuditEntry entry;
  entry.call_id = id;
  entry.principal = principal;
  entry.tool = "calculate";
  return entry;
}

inline AuditEvent event_of(const Principal& principal, AuditKind kind, const std::string& detail) {
  AuditEvent event;
  event.kind = kind;
  event.principal = principal;
  event.detail = detail;
  return event;
}

class AuditSuite : public StoreSuite {
 protected:
  // A call from its start to its end.
  std::string call(const std::string& detail = "") {
    const std::string id = ok(set_->audit().begin(call_of(me_, ids_.next()), false));
    ok(set_->audit().finish(id, AuditOutcome::ok, detail, Millis(3)));
    return id;
  }
  // Everything that is wrong, as `audit verify` finds it.
  std::vector<std::string> verify() {
    const AuditHeads heads = ok(set_->audit().heads());
    std::vector<std::string> problems = heads.problems;
    for (const AuditHead& head : heads.heads) {
      ChainVerifier verifier(head.pruned_seq, head.pruned_hash);
      for (const AuditRecord& row : ok(set_->audit().read(head.workspace_id, head.pruned_seq, 10'000))) {
        verifier.feed(row);
      }
      verifier.finish(head.seq, head.hash);
      for (const ChainProblem& problem : verifier.problems()) problems.push_back(problem.what);
    }
    return problems;
  }
  void expect_problem(const std::string& sql, const std::string& what) {
    EXPECT_TRUE(verify().empty());
    set_->tamper(sql);
    const auto problems = verify();
    ASSERT_FALSE(problems.empty()) << sql;
    EXPECT_NE(problems.front().find(what), std::string::npos) << problems.front();
  }
};

TEST_P(AuditSuite, RowsAreUniqueUnlessRerun) {
  const AuditEntry entry = call_of(me_, ids_.next());
  const std::string id = ok(set_->audit().begin(entry, false));
  fails(Code::already_exists, set_->audit().begin(entry, false));
  const std::string second = ok(set_->audit().begin(entry, true));
  fails(Code::already_exists, set_->audit().begin(entry, false));
  ok(set_->audit().finish(id, AuditOutcome::ok, "", Millis(12)));
  fails(Code::already_exists, set_->audit().begin(entry, false));
  fails(Code::not_found, set_->audit().finish(id, AuditOutcome::error, "twice", Millis(1)));
  fails(Code::not_found, set_->audit().finish("nothing", AuditOutcome::ok, "", Millis(1)));
  const std::vector<AuditEntry> rows = ok(set_->audit().list(me_, 10));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].id, second);
  EXPECT_EQ(rows[0].outcome, AuditOutcome::started);
  EXPECT_EQ(rows[1].outcome, AuditOutcome::ok);
  EXPECT_EQ(rows[1].duration, Millis(12));
  EXPECT_EQ(rows[1].principal, me_);
  EXPECT_EQ(rows[1].kind, AuditKind::call_started);
  EXPECT_TRUE(ok(set_->audit().list(stranger_, 10)).empty());
  EXPECT_TRUE(verify().empty());
}

TEST_P(AuditSuite, KeepsDenials) {
  AuditEntry entry = call_of(me_, ids_.next());
  entry.outcome = AuditOutcome::denied;
  entry.detail = "not allowed";
  ok(set_->audit().begin(entry, false));
  EXPECT_EQ(ok(set_->audit().list(me_, 1)).front().outcome, AuditOutcome::denied);
  EXPECT_EQ(ok(set_->audit().list(me_, 1)).front().kind, AuditKind::call_denied);
  // A denied call never started: nothing is open, but its id is used up.
  EXPECT_EQ(ok(set_->audit().close_interrupted()), 0);
  fails(Code::already_exists, set_->audit().begin(call_of(me_, entry.call_id), false));
}

TEST_P(AuditSuite, EventsStandBetweenCalls) {
  const std::string id = ok(set_->audit().begin(call_of(me_, "c1"), false));
  AuditEvent event = event_of(me_, AuditKind::egress, "GET example.org: 200");
  event.call_id = "c1";
  ok(set_->audit().append(event));
  ok(set_->audit().append(event));
  ok(set_->audit().append(event_of(me_, AuditKind::approval_requested, "")));
  ok(set_->audit().finish(id, AuditOutcome::error, "x", Millis(1)));
  for (const AuditKind kind : {AuditKind::call_started, AuditKind::call_finished, AuditKind::call_denied}) {
    fails(Code::invalid_argument, set_->audit().append(event_of(me_, kind, "")));
  }
  const auto listed = ok(set_->audit().list(me_, 10));
  ASSERT_EQ(listed.size(), 4U);
  EXPECT_EQ(listed[3].outcome, AuditOutcome::error);
  EXPECT_EQ(listed[2].kind, AuditKind::egress);
  const auto rows = ok(set_->audit().read(me_.workspace_id, 0, 100));
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[4].kind, "call_finished");
  EXPECT_EQ(rows[4].call_id, "c1");
  EXPECT_EQ(rows[4].subject, "calculate");
  EXPECT_TRUE(verify().empty());
}

TEST_P(AuditSuite, OddTextIsHashedAsItIsStored) {
  AuditEvent event = event_of(me_, AuditKind::skill, std::string("zero\0byte, \xff broken, \"quoted\"\n\tline", 37));
  event.subject = std::string(5000, 'x') + "\xC3";
  ok(set_->audit().append(event));
  event.detail = std::string(100'000, 'y');
  ok(set_->audit().append(event));
  EXPECT_TRUE(verify().empty());
  EXPECT_LE(ok(set_->audit().read(me_.workspace_id, 0, 10)).back().detail.size(), 4096U);
}

TEST_P(AuditSuite, ChainsOfManyWritersStayWhole) {
  std::vector<Task<Status>> tasks;
  for (int i = 0; i < 200; ++i) {
    tasks.push_back(set_->audit().append(event_of(i % 3 == 0 ? stranger_ : me_, AuditKind::skill, std::to_string(i))));
  }
  for (const Status& done : runner_.run_all(std::move(tasks))) EXPECT_TRUE(done.ok());
  EXPECT_TRUE(verify().empty());
  EXPECT_EQ(ok(set_->audit().heads()).heads.size(), 2U);
  EXPECT_EQ(ok(set_->audit().read(me_.workspace_id, 0, 1000)).size(), 133U);
}

TEST_P(AuditSuite, AFailedWriteLeavesNoGap) {
  std::vector<Task<Result<std::string>>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(set_->audit().begin(call_of(me_, std::to_string(i % 7)), false));
  int failed = 0;
  for (const auto& result : runner_.run_all(std::move(tasks))) failed += result.ok() ? 0 : 1;
  EXPECT_EQ(failed, 13);
  EXPECT_TRUE(verify().empty());
}

TEST_P(AuditSuite, AlteredRowsAreNamed) {
  for (int i = 0; i < 5; ++i) call();
  expect_problem("UPDATE audit_chain SET detail = 'nothing happened' WHERE seq = 4",
                 "row 4 (call_finished of calculate");
}

TEST_P(AuditSuite, MissingRowsAreNamed) {
  for (int i = 0; i < 5; ++i) call();
  expect_problem("DELETE FROM audit_chain WHERE seq IN (3, 4)", "rows 3 to 4 are missing");
}

TEST_P(AuditSuite, AMissingBeginningIsNamed) {
  for (int i = 0; i < 5; ++i) call();
  expect_problem("DELETE FROM audit_chain WHERE seq = 1", "row 1 is missing");
  // Pretending that it was pruned breaks the seal.
  set_->tamper(
      "UPDATE audit_heads SET pruned_seq = 1, pruned_hash = (SELECT prev_hash FROM audit_chain WHERE seq = 2)");
  EXPECT_NE(verify().front().find("seal"), std::string::npos);
}

TEST_P(AuditSuite, SwappedRowsAreNamed) {
  for (int i = 0; i < 5; ++i) call();
  expect_problem(
      "UPDATE audit_chain SET seq = CASE seq WHEN 3 THEN 1003 ELSE 1005 END WHERE seq IN (3, 5); "
      "UPDATE audit_chain SET seq = CASE seq WHEN 1003 THEN 5 ELSE 3 END WHERE seq > 1000",
      "out of order: it was written as row 5");
}

TEST_P(AuditSuite, ATruncatedEndIsFound) {
  for (int i = 0; i < 5; ++i) call();
  expect_problem("DELETE FROM audit_chain WHERE seq > 7", "rows 8 to 10 were cut off");
  // Setting the head back needs the key.
  set_->tamper("UPDATE audit_heads SET seq = 7, hash = (SELECT hash FROM audit_chain WHERE seq = 7)");
  EXPECT_NE(verify().front().find("seal of the chain's end"), std::string::npos);
  // The log goes on, and goes on telling.
  call();
  EXPECT_NE(verify().front().find("seal of the chain's end"), std::string::npos);
}

TEST_P(AuditSuite, AChainWrittenAnewIsFound) {
  for (int i = 0; i < 3; ++i) call();
  auto rows = ok(set_->audit().read(me_.workspace_id, 0, 10));
  std::string before = rows[0].hash;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    rows[i].detail = "harmless";
    rows[i].prev_hash = before;
    before = rows[i].hash = chain_hash(rows[i]);
    set_->tamper("UPDATE audit_chain SET detail = 'harmless', prev_hash = '" + rows[i].prev_hash + "', hash = '" +
                 rows[i].hash + "' WHERE seq = " + std::to_string(rows[i].seq));
  }
  const auto problems = verify();
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("not the sealed end"), std::string::npos);
}

TEST_P(AuditSuite, AWholeLogThatVanishesIsFound) {
  call();
  ok(set_->audit().append(event_of(stranger_, AuditKind::skill, "")));
  EXPECT_TRUE(verify().empty());
  set_->tamper("DELETE FROM audit_chain WHERE workspace_id = '" + me_.workspace_id +
               "'; DELETE FROM audit_heads WHERE "
               "workspace_id = '" +
               me_.workspace_id + "'");
  EXPECT_NE(verify().front().find("whole log was removed"), std::string::npos);
  // A new one in its place does not hide it.
  call();
  EXPECT_NE(verify().front().find("whole log was removed"), std::string::npos);
}

TEST_P(AuditSuite, AHeadThatVanishesIsFoundAndTheLogGoesOn) {
  call();
  set_->tamper("DELETE FROM audit_heads");
  EXPECT_NE(verify().front().find("end is missing"), std::string::npos);
  call();
  EXPECT_FALSE(verify().empty());
  EXPECT_EQ(ok(set_->audit().read(me_.workspace_id, 0, 10)).back().seq, 4);
}

TEST_P(AuditSuite, PruningKeepsTheChainVerifiable) {
  for (int i = 0; i < 4; ++i) call();
  const std::string open = ok(set_->audit().begin(call_of(me_, "open"), false));
  clock_.advance(Millis(1000));
  for (int i = 0; i < 2; ++i) call();
  // Up to the call that is still running.
  EXPECT_EQ(ok(set_->audit().prune(clock_.unix_now())), 8);
  EXPECT_TRUE(verify().empty());
  EXPECT_EQ(ok(set_->audit().read(me_.workspace_id, 0, 100)).front().seq, 9);
  ok(set_->audit().finish(open, AuditOutcome::ok, "", Millis(1)));
  EXPECT_EQ(ok(set_->audit().prune(clock_.unix_now())), 1);
  EXPECT_EQ(ok(set_->audit().prune(clock_.unix_now())), 0);
  EXPECT_TRUE(verify().empty());
  clock_.advance(Millis(1000));
  EXPECT_GT(ok(set_->audit().prune(clock_.unix_now())), 0);
  EXPECT_TRUE(verify().empty());
  call();
  EXPECT_TRUE(verify().empty());
  const auto rows = ok(set_->audit().read(me_.workspace_id, 0, 100));
  EXPECT_EQ(rows.front().kind, "chain");
  EXPECT_NE(rows.front().detail.find("because of their age"), std::string::npos);
}

TEST_P(AuditSuite, EvidenceIsNotPruned) {
  for (int i = 0; i < 4; ++i) call();
  set_->tamper("UPDATE audit_chain SET detail = 'x' WHERE seq = 3");
  clock_.advance(Millis(1000));
  fails(Code::failed_precondition, set_->audit().prune(clock_.unix_now()));
  EXPECT_EQ(ok(set_->audit().read(me_.workspace_id, 0, 100)).size(), 8U);
}

TEST_P(AuditSuite, CallsOfDeadProcessesAreClosed) {
  const std::string mine = ok(set_->audit().begin(call_of(me_, "mine"), false));
  ok(set_->audit().begin(call_of(me_, "dead"), false));
  ok(set_->audit().begin(call_of(me_, "rebooted"), false));
  ok(set_->audit().begin(call_of(me_, "elsewhere"), false));
  // A process of this place that does not exist any more; one from before a reboot; one of another machine.
  const auto set = [&](const char* call, const std::string& expression) {
    set_->tamper("UPDATE audit_open SET instance = " + expression +
                 " WHERE seq = (SELECT seq FROM audit_chain WHERE call_id = '" + call + "')");
  };
  set("dead", "instance || '9'");
  const std::string instance = set_->tamper("SELECT instance FROM audit_open LIMIT 1");
  const std::size_t slash = instance.find('/');
  set("rebooted", "'" + instance.substr(0, slash + 1) + "other" + instance.substr(slash) + "'");
  set("elsewhere", "'x' || instance");
  EXPECT_EQ(ok(set_->audit().close_interrupted()), 2);
  EXPECT_EQ(ok(set_->audit().close_interrupted()), 0);
  std::map<std::string, AuditOutcome> outcomes;
  for (const AuditEntry& entry : ok(set_->audit().list(me_, 10))) outcomes[entry.call_id] = entry.outcome;
  EXPECT_EQ(outcomes["mine"], AuditOutcome::started);
  EXPECT_EQ(outcomes["dead"], AuditOutcome::interrupted);
  EXPECT_EQ(outcomes["rebooted"], AuditOutcome::interrupted);
  EXPECT_EQ(outcomes["elsewhere"], AuditOutcome::started);
  clock_.advance(std::chrono::hours(2));
  EXPECT_EQ(ok(set_->audit().close_interrupted()), 1);
  ok(set_->audit().finish(mine, AuditOutcome::ok, "", Millis(1)));
  fails(Code::already_exists, set_->audit().begin(call_of(me_, "dead"), false));
  EXPECT_TRUE(verify().empty());
}

// ---- Secrets ----

TEST_P(AuditSuite, SecretsAreKeptSealed) {
  ok(set_->secrets().put(me_, "skill/weather", "api_key", "top-secret-value"));
  EXPECT_EQ(ok(set_->secrets().get(me_, "skill/weather", "api_key")), "top-secret-value");
  ok(set_->secrets().put(me_, "skill/weather", "api_key", "another-value"));
  EXPECT_EQ(ok(set_->secrets().get(me_, "skill/weather", "api_key")), "another-value");
  EXPECT_EQ(set_->tamper("SELECT COUNT(*) FROM secrets WHERE value LIKE '%secret%' OR value LIKE '%another%'"), "0");
  const auto listed = ok(set_->secrets().list(me_));
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].scope, "skill/weather");
  EXPECT_EQ(listed[0].name, "api_key");
  ok(set_->secrets().remove(me_, "skill/weather", "api_key"));
  fails(Code::not_found, set_->secrets().remove(me_, "skill/weather", "api_key"));
  fails(Code::not_found, set_->secrets().get(me_, "skill/weather", "api_key"));
  const auto rows = ok(set_->audit().list(me_, 10));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].detail, "removed");
  EXPECT_EQ(rows[1].detail, "changed");
  EXPECT_EQ(rows[2].detail, "set");
  EXPECT_EQ(rows[2].tool, "skill/weather api_key");
  EXPECT_TRUE(verify().empty());
}

TEST_P(AuditSuite, SecretsOfOthersAreNotSeen) {
  Principal colleague = me_;
  colleague.user_id = stranger_.user_id;
  colleague.role = Role::member;
  set_->tamper("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) VALUES ('" +
               colleague.workspace_id + "', '" + colleague.user_id + "', 'member', 1)");
  ok(set_->secrets().put(me_, "skill/a", "shared", "shared-value"));
  ok(set_->secrets().put(me_, "user/mcp/a", "token", "private-value"));
  fails(Code::not_found, set_->secrets().get(stranger_, "skill/a", "shared"));
  EXPECT_TRUE(ok(set_->secrets().list(stranger_)).empty());
  EXPECT_TRUE(ok(set_->secrets().reveal(stranger_))->secrets.empty());
  EXPECT_EQ(ok(set_->secrets().get(colleague, "skill/a", "shared")), "shared-value");
  fails(Code::not_found, set_->secrets().get(colleague, "user/mcp/a", "token"));
  fails(Code::not_found, set_->secrets().remove(colleague, "user/mcp/a", "token"));
  EXPECT_EQ(ok(set_->secrets().list(colleague)).size(), 1U);
  EXPECT_EQ(ok(set_->secrets().reveal(me_))->secrets.size(), 2U);
  EXPECT_EQ(ok(set_->secrets().reveal(colleague))->secrets.size(), 1U);
}

TEST_P(AuditSuite, ASecretIsReplacedOnlyWhileItIsWhatItWas) {
  auto& secrets = set_->secrets();
  EXPECT_FALSE(ok(secrets.replace(me_, "user/skill/a", "oauth", "first value", "second value")));
  ok(secrets.put(me_, "user/skill/a", "oauth", "first value"));
  EXPECT_FALSE(ok(secrets.replace(me_, "user/skill/a", "oauth", "another value", "second value")));
  EXPECT_FALSE(ok(secrets.replace(stranger_, "user/skill/a", "oauth", "first value", "second value")));
  fails(Code::invalid_argument, secrets.replace(me_, "user/skill/a", "oauth", "first value", "x"));
  EXPECT_TRUE(ok(secrets.replace(me_, "user/skill/a", "oauth", "first value", "second value")));
  EXPECT_FALSE(ok(secrets.replace(me_, "user/skill/a", "oauth", "first value", "third value")));
  EXPECT_EQ(ok(secrets.get(me_, "user/skill/a", "oauth")), "second value");
  EXPECT_TRUE(ok(secrets.replace(me_, "user/skill/a", "oauth", "second value", std::nullopt)));
  fails(Code::not_found, secrets.get(me_, "user/skill/a", "oauth"));
  EXPECT_TRUE(verify().empty());
}

TEST_P(AuditSuite, WhatBelongsToSomethingGoneIsForgottenForEverybody) {
  auto& secrets = set_->secrets();
  Principal colleague = me_;
  colleague.user_id = stranger_.user_id;
  set_->tamper("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) VALUES ('" +
               colleague.workspace_id + "', '" + colleague.user_id + "', 'member', 1)");
  ok(secrets.put(me_, "skill/a", "api_key", "shared value"));
  ok(secrets.put(me_, "user/skill/a", "oauth", "my value"));
  ok(secrets.put(colleague, "user/skill/a", "oauth", "colleague's value"));
  ok(secrets.put(colleague, "user/skill/ab", "oauth", "of another skill"));
  ok(secrets.put(stranger_, "skill/a", "api_key", "of another workspace"));
  const auto before = ok(secrets.revision(me_));
  ok(secrets.forget(me_, "skill/a"));
  EXPECT_TRUE(ok(secrets.list(me_)).empty());
  ASSERT_EQ(ok(secrets.list(colleague)).size(), 1U);
  EXPECT_EQ(ok(secrets.list(colleague))[0].scope, "user/skill/ab");
  EXPECT_EQ(ok(secrets.list(stranger_)).size(), 1U);
  EXPECT_GT(ok(secrets.revision(me_)), before);
  ok(secrets.forget(me_, "skill/a"));
  EXPECT_TRUE(verify().empty());
}

TEST_P(AuditSuite, SealedRowsCannotBeSwappedOrAltered) {
  ok(set_->secrets().put(me_, "skill/a", "one", "value-one"));
  ok(set_->secrets().put(me_, "skill/a", "two", "value-two"));
  ok(set_->secrets().put(stranger_, "skill/a", "one", "value-of-stranger"));
  set_->tamper(
      "UPDATE secrets SET value = (SELECT value FROM secrets s WHERE s.name = 'two') WHERE name = 'one' AND "
      "workspace_id = '" +
      me_.workspace_id + "'");
  fails(Code::data_loss, set_->secrets().get(me_, "skill/a", "one"));
  EXPECT_EQ(ok(set_->secrets().get(me_, "skill/a", "two")), "value-two");
  EXPECT_EQ(ok(set_->secrets().reveal(me_))->secrets.size(), 1U);
  set_->tamper("UPDATE secrets SET workspace_id = '" + me_.workspace_id + "', name = 'stolen' WHERE workspace_id = '" +
               stranger_.workspace_id + "'");
  fails(Code::data_loss, set_->secrets().get(me_, "skill/a", "stolen"));
  set_->tamper("UPDATE secrets SET value = 'plain'");
  fails(Code::data_loss, set_->secrets().get(me_, "skill/a", "two"));
}

TEST_P(AuditSuite, SecretsHaveBounds) {
  auto& secrets = set_->secrets();
  fails(Code::invalid_argument, secrets.put(me_, "", "n", "value"));
  fails(Code::invalid_argument, secrets.put(me_, "s", "", "value"));
  fails(Code::invalid_argument, secrets.put(me_, "s", "a b", "value"));
  fails(Code::invalid_argument, secrets.put(me_, "s", std::string("n\0x", 3), "value"));
  fails(Code::invalid_argument, secrets.put(me_, std::string(129, 's'), "n", "value"));
  fails(Code::invalid_argument, secrets.put(me_, "s", "n", "abc"));
  fails(Code::invalid_argument, secrets.put(me_, "s", "n", "\xff\xfe\xfd\xfc"));
  fails(Code::invalid_argument, secrets.put(me_, "s", "n", std::string(kMaxSecretBytes + 1, 'x')));
  for (std::size_t i = 0; i < kMaxSecretBytesOfWorkspace / kMaxSecretBytes; ++i) {
    ok(secrets.put(me_, "s", std::to_string(i), std::string(kMaxSecretBytes, 'x')));
  }
  fails(Code::resource_exhausted, secrets.put(me_, "s", "more", "value"));
  ok(secrets.put(me_, "s", "1", std::string(kMaxSecretBytes, 'y')));  // instead of the old one
  EXPECT_TRUE(ok(secrets.list(stranger_)).empty());
}

TEST_P(AuditSuite, TheRevisionChangesWithEverySecret) {
  auto& secrets = set_->secrets();
  const auto now = [&] { return ok(secrets.revision(me_)); };
  const std::int64_t before = now();
  ok(secrets.put(me_, "s", "n", "value"));
  const std::int64_t after = now();
  EXPECT_NE(before, after);
  ok(secrets.put(stranger_, "s", "n", "value"));
  EXPECT_EQ(now(), after);
  ok(secrets.remove(me_, "s", "n"));
  EXPECT_NE(now(), after);
}

}  // namespace librebird::testkit
