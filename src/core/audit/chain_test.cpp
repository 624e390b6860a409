#include <librebird/core/audit/chain.hpp>

#include <librebird/base/random.hpp>

#include <gtest/gtest.h>

namespace librebird {
namespace {

std::vector<AuditRecord> chain(int rows) {
  std::vector<AuditRecord> out;
  std::string before(kNoHash);
  for (int i = 1; i <= rows; ++i) {
    AuditRecord record;
    record.workspace_id = "w";
    record.seq = i;
    record.id = "id" + std::to_string(i);
    record.kind = "call_started";
    record.subject = "calculator";
    record.created_at = 1'700'000'000'000 + i;
    record.prev_hash = before;
    record.hash = before = chain_hash(record);
    out.push_back(record);
  }
  return out;
}

// The problems found; the end is sealed as it was when the chain was whole.
std::vector<std::string> check(const std::vector<AuditRecord>& rows, const AuditRecord& end) {
  ChainVerifier verifier;
  for (const AuditRecord& row : rows) verifier.feed(row);
  verifier.finish(end.seq, end.hash);
  std::vector<std::string> out;
  for (const ChainProblem& problem : verifier.problems()) out.push_back(problem.what);
  return out;
}

TEST(Chain, TheHashIsTheDocumentedOne) {
  AuditRecord record;
  record.workspace_id = "w";
  record.seq = 7;
  record.id = "i";
  record.kind = "skill";
  record.detail = "ü";
  record.created_at = 5;
  record.prev_hash = "p";
  EXPECT_EQ(chain_hash(record), sha256_hex("18:librebird-audit-v1,1:7,1:w,1:p,1:i,5:skill,0:,1:0,0:,0:,0:,0:,0:,0:,0:,"
                                           "0:,2:ü,1:0,1:5,"));
}

TEST(Chain, FieldsCannotBeShiftedIntoEachOther) {
  AuditRecord a = chain(1)[0];
  AuditRecord b = a;
  a.subject = "ab";
  a.arguments_sha256 = "c";
  b.subject = "a";
  b.arguments_sha256 = "bc";
  EXPECT_NE(chain_hash(a), chain_hash(b));
}

TEST(Chain, AWholeChainIsFound) {
  const auto rows = chain(50);
  EXPECT_TRUE(check(rows, rows.back()).empty());
  ChainVerifier none;
  none.finish(0, kNoHash);
  EXPECT_TRUE(none.ok());
}

TEST(Chain, EveryAlteredFieldIsNoticedAndNamed) {
  const auto rows = chain(5);
  const auto alter = [&](auto change) {
    auto forged = rows;
    change(forged[2]);
    return check(forged, rows.back());
  };
  const std::vector<std::vector<std::string>> found = {
      alter([](AuditRecord& r) { r.detail = "x"; }),         alter([](AuditRecord& r) { r.outcome = "ok"; }),
      alter([](AuditRecord& r) { r.subject = "open_app"; }), alter([](AuditRecord& r) { r.user_id = "other"; }),
      alter([](AuditRecord& r) { r.created_at += 1; }),      alter([](AuditRecord& r) { r.run = 1; }),
      alter([](AuditRecord& r) { r.role = "owner"; }),       alter([](AuditRecord& r) { r.duration_ms = 9; }),
      alter([](AuditRecord& r) { r.hash[0] ^= 1; }),         alter([](AuditRecord& r) { r.workspace_id = "v"; }),
      alter([](AuditRecord& r) { r.kind = "skill"; }),       alter([](AuditRecord& r) { r.call_id = "c"; })};
  for (const auto& problems : found) {
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_NE(problems[0].find("row 3 "), std::string::npos) << problems[0];
    EXPECT_NE(problems[0].find("altered"), std::string::npos) << problems[0];
  }
}

TEST(Chain, AnAlteredRowWithAFreshHashDoesNotFit) {
  const auto rows = chain(5);
  auto forged = rows;
  forged[2].detail = "x";
  forged[2].hash = chain_hash(forged[2]);
  const auto problems = check(forged, rows.back());
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("row 4 "), std::string::npos);
  EXPECT_NE(problems[0].find("replaced"), std::string::npos);
  // The whole rest computed anew: only the sealed end tells.
  for (std::size_t i = 3; i < forged.size(); ++i) {
    forged[i].prev_hash = forged[i - 1].hash;
    forged[i].hash = chain_hash(forged[i]);
  }
  EXPECT_EQ(check(forged, rows.back()),
            std::vector<std::string>{"row 5 is not the sealed end of the chain: rows were replaced."});
}

TEST(Chain, MissingRowsAreNamed) {
  const auto rows = chain(6);
  auto forged = rows;
  forged.erase(forged.begin() + 1);
  EXPECT_EQ(check(forged, rows.back()), std::vector<std::string>{"row 2 is missing."});
  forged.erase(forged.begin() + 1, forged.begin() + 3);
  EXPECT_EQ(check(forged, rows.back()), std::vector<std::string>{"rows 2 to 4 are missing."});
  forged = rows;
  forged.erase(forged.begin());
  EXPECT_EQ(check(forged, rows.back()), std::vector<std::string>{"row 1 is missing."});
  forged = rows;
  forged.resize(4);
  EXPECT_EQ(check(forged, rows.back()), std::vector<std::string>{"the end is missing: rows 5 to 6 were cut off."});
  EXPECT_EQ(check({}, rows.back()), std::vector<std::string>{"the end is missing: rows 1 to 6 were cut off."});
}

TEST(Chain, ReorderedRowsAreNamed) {
  const auto rows = chain(6);
  auto forged = rows;
  std::swap(forged[2], forged[3]);
  std::swap(forged[2].seq, forged[3].seq);
  const auto problems = check(forged, rows.back());
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_NE(problems[0].find("it was written as row 4"), std::string::npos) << problems[0];
  EXPECT_NE(problems[1].find("it was written as row 3"), std::string::npos) << problems[1];
}

TEST(Chain, RowsOfAnotherChainAndAddedRowsAreNoticed) {
  const auto rows = chain(4);
  auto forged = rows;
  forged.push_back(chain(5).back());
  EXPECT_EQ(check(forged, rows.back()), std::vector<std::string>{"rows 5 to 5 were added past the sealed end."});
  forged = rows;
  forged.insert(forged.begin() + 2, rows[1]);
  EXPECT_EQ(check(forged, rows.back()).size(), 1U);
}

TEST(Chain, GoesOnBehindACheckpoint) {
  const auto rows = chain(10);
  ChainVerifier verifier(4, rows[3].hash);
  for (std::size_t i = 4; i < rows.size(); ++i) verifier.feed(rows[i]);
  verifier.finish(10, rows.back().hash);
  EXPECT_TRUE(verifier.ok());
  EXPECT_EQ(verifier.rows(), 6);
  ChainVerifier wrong(4, rows[2].hash);
  wrong.feed(rows[4]);
  EXPECT_EQ(wrong.problem_count(), 1U);
}

TEST(Chain, ANotedRowGivesARollbackAway) {
  const auto rows = chain(6);
  ChainVerifier verifier;
  verifier.expect(6, rows[5].hash);
  for (int i = 0; i < 4; ++i) verifier.feed(rows[static_cast<std::size_t>(i)]);
  verifier.finish(4, rows[3].hash);  // the sealed head was set back as well
  ASSERT_EQ(verifier.problem_count(), 1U);
  EXPECT_NE(verifier.problems()[0].what.find("set back"), std::string::npos);
}

TEST(Chain, ManyProblemsAreCountedNotKept) {
  auto rows = chain(500);
  const AuditRecord end = rows.back();
  for (AuditRecord& row : rows) row.detail = "x";
  ChainVerifier verifier;
  for (const AuditRecord& row : rows) verifier.feed(row);
  verifier.finish(end.seq, end.hash);
  EXPECT_EQ(verifier.problem_count(), 500U);
  EXPECT_EQ(verifier.problems().size(), ChainVerifier::kMaxProblems);
}

}  // namespace
}  // namespace librebird
