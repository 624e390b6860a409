// Tool calls through the whole of the hands, with the real sandbox and the real runner.
#include <librebird/base/async/sync.hpp>
#include <librebird/hands/hands.hpp>
#include <librebird/hands/testkit/fakes.hpp>
#include <librebird/hands/testkit/memory_approvals.hpp>
#include <librebird/hands/testkit/run_on.hpp>
#include <librebird/skills/catalog.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace librebird {
namespace {

constexpr const char* kWorkspace = "0193a000-0000-7000-8000-000000000001";

Task<Status> close(HandsService& hands) {
  co_await hands.close();
  co_return Ok{};
}

class HandsTest : public testing::Test {
 protected:
  HandsTest() {
    if (std::getenv("LIBREBIRD_NO_SANDBOX_TESTS") != nullptr) return;
    directory_ = std::filesystem::temp_directory_path() / ("hands-test-" + ids_.next());
    std::filesystem::create_directories(directory_);
    config_.emplace(
        Config::load(hands_config(), "", [](std::string_view) { return std::optional<std::string>(); }).value());
    approvals_.workspace = ApprovalMode::automatic;  // questions have tests of their own
    hands_ = make_hands({loop_, *config_, clock_, ids_, audit_, approvals_, quotas_, http_,
                         skills::official_skills().value(), directory_, LIBREBIRD_TOOL_DIRECTORY});
  }
  ~HandsTest() override {
    if (hands_) (void)testkit::run_on(loop_, close(*hands_));
    hands_.reset();
    std::filesystem::remove_all(directory_);
  }
  void SetUp() override {
    if (!hands_) GTEST_SKIP() << "LIBREBIRD_NO_SANDBOX_TESTS is set: containment is not tested";
  }

  Result<ToolResult> call(std::string name, std::string arguments, std::string id = {}) {
    ToolRequest request;
    request.call = {id.empty() ? ids_.next() : std::move(id), std::move(name), std::move(arguments)};
    request.principal = {"0193a000-0000-7000-8000-000000000002", kWorkspace, role_, "test"};
    return testkit::run_on(loop_, hands_->execute_tool(std::move(request), observer_, {}));
  }

  Role role_ = Role::owner;
  ToolObserver observer_;
  Loop loop_;
  SystemClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
  testkit::MemoryAuditStore audit_;
  testkit::MemoryApprovalStore approvals_{clock_};
  testkit::MemoryQuotaStore quotas_;
  testkit::ScriptedHttpClient http_;
  std::filesystem::path directory_;
  std::optional<Config> config_;
  std::unique_ptr<HandsService> hands_;
};

TEST_F(HandsTest, IsReady) {
  const auto health = testkit::run_on(loop_, hands_->health());
  EXPECT_TRUE(health->ready) << health->detail;
}

TEST_F(HandsTest, Calculates) {
  const auto result = call("calculator", R"({"expression":"2340 * 17.5 / 100"})");
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->content_json, R"({"expression":"2340 * 17.5 / 100","result":409.5})");
  EXPECT_EQ(result->status, ToolStatus::ok);
  ASSERT_EQ(audit_.entries.size(), 1U);
  EXPECT_EQ(audit_.entries[0].outcome, AuditOutcome::ok);
}

TEST_F(HandsTest, TellsTheModelWhatIsWrong) {
  EXPECT_EQ(call("nope", "{}")->content_json, R"({"error":"Unknown tool: nope"})");
  EXPECT_EQ(call("calculator", "{}")->status, ToolStatus::error);
  EXPECT_EQ(call("calculator", "{broken")->status, ToolStatus::error);
  EXPECT_TRUE(audit_.entries.empty());  // nothing ran
  EXPECT_EQ(call("calculator", R"({"expression":"1/0"})")->status, ToolStatus::error);
  EXPECT_EQ(audit_.entries.back().outcome, AuditOutcome::error);
}

TEST_F(HandsTest, RunsACallOnlyOnceUnlessIdempotent) {
  EXPECT_TRUE(call("calculator", R"({"expression":"1"})", "same").ok());
  EXPECT_TRUE(call("calculator", R"({"expression":"1"})", "same").ok());
  EXPECT_TRUE(call("open_app", R"({"name":"x"})", "other").ok());
  EXPECT_EQ(call("open_app", R"({"name":"x"})", "other").error().code, Code::already_exists);
}

TEST_F(HandsTest, DeniesGuestsAndAuditsIt) {
  role_ = Role::guest;
  EXPECT_EQ(call("calculator", R"({"expression":"1"})")->status, ToolStatus::denied);
  role_ = Role::member;
  EXPECT_EQ(call("open_url", R"({"url":"example.org"})")->status, ToolStatus::denied);
  ASSERT_EQ(audit_.entries.size(), 2U);
  EXPECT_EQ(audit_.entries[1].outcome, AuditOutcome::denied);
}

TEST_F(HandsTest, RunsNothingWithoutAnAuditRow) {
  audit_.broken = true;
  EXPECT_EQ(call("calculator", R"({"expression":"1"})").error().code, Code::unavailable);
}

TEST_F(HandsTest, ReachesOnlyTheHostsOfItsManifest) {
  http_.answers = {
      {200,
       {},
       R"({"current_condition":[{"temp_F":"50","temp_C":"10","FeelsLikeF":"48","humidity":"81","windspeedMiles":"5",
    "winddir16Point":"NW","weatherDesc":[{"value":"Light rain"}]}]})"}};
  const auto result = call("get_weather", R"({"location":"São Paulo"})");
  EXPECT_EQ(result->content_json,
            R"({"location":"São Paulo","temperature_f":"50","temperature_c":"10","feels_like_f":"48",)"
            R"("condition":"Light rain","humidity":"81%","wind_mph":"5","wind_direction":"NW"})");
  ASSERT_EQ(http_.requests.size(), 1U);
  EXPECT_EQ(http_.requests[0].url, "https://wttr.in/S%C3%A3o%20Paulo?format=j1");
  EXPECT_EQ(http_.requests[0].reach, Reach::public_only);
  ASSERT_EQ(audit_.events.size(), 1U);
  EXPECT_EQ(audit_.events[0].kind, AuditKind::egress);
  EXPECT_EQ(audit_.events[0].call_id, audit_.entries[0].call_id);
  EXPECT_EQ(audit_.events[0].detail, "egress GET wttr.in: 200");
}

TEST_F(HandsTest, SearchesTheWorkspaceFolder) {
  EXPECT_EQ(call("search_files", R"({"query":"x"})")->status, ToolStatus::ok);
  const auto folder = directory_ / "work" / kWorkspace;
  EXPECT_EQ(std::filesystem::status(folder).permissions(), std::filesystem::perms::owner_all);
  std::ofstream(folder / "plan.txt") << "x";
  EXPECT_NE(call("search_files", R"({"query":"plan"})")->content_json.find("plan.txt"), std::string::npos);
}

TEST_F(HandsTest, TellsMachineFactsWithoutNames) {
  const auto result = call("get_system_info", "{}");
  EXPECT_NE(result->content_json.find("total_gb"), std::string::npos) << result->content_json;
  EXPECT_NE(result->content_json.find("\"memory\""), std::string::npos);
}

TEST_F(HandsTest, ListsToolsByName) {
  const auto tools = testkit::run_on(loop_, hands_->list_tools({"u", "w", Role::member, ""}, std::nullopt));
  EXPECT_EQ(tools->size(), 11U);
  EXPECT_TRUE(std::ranges::is_sorted(*tools, {}, &ToolSpec::name));
}

// The figure of the budget; printed, never asserted.
TEST_F(HandsTest, MeasuresACall) {
  constexpr int kBackToBack = 300;
  constexpr int kCalls = 600;
  std::vector<double> times;
  for (int i = 0; i < kCalls; ++i) {
    const auto began = std::chrono::steady_clock::now();
    ASSERT_EQ(call("calculator", R"({"expression":"1+1"})")->status, ToolStatus::ok);
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
    // As a conversation does: something else happens between two calls.
    if (i >= kBackToBack) testkit::run_on(loop_, sleep_for(Millis(20)));
  }
  // The broker's own part: everything but a process.
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < kBackToBack; ++i) EXPECT_TRUE(call("open_app", R"({"name":"-"})").ok());
  const auto spent = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began);
  std::printf("broker alone: mean %.3f ms\n", spent.count() / kBackToBack);
  for (const auto& [name, from, to] :
       {std::tuple{"back to back", 0, kBackToBack}, std::tuple{"20 ms apart", kBackToBack, kCalls}}) {
    std::vector<double> part(times.begin() + from, times.begin() + to);
    std::ranges::sort(part);
    const std::size_t size = part.size();
    std::printf("native call, %d %s: p50 %.2f ms, p95 %.2f ms, min %.2f ms\n", to - from, name, part[size / 2],
                part[size * 95 / 100], part[0]);
  }
}

}  // namespace
}  // namespace librebird
