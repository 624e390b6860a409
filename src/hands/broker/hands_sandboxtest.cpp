// Tool calls through the whole of the hands, with the real sandbox and the real runner.
#include <librebird/hands/hands.hpp>
#include <librebird/hands/testkit/fakes.hpp>
#include <librebird/hands/testkit/run_on.hpp>
#include <librebird/skills/catalog.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace librebird {
namespace {

constexpr const char* kWorkspace = "0193a000-0000-7000-8000-000000000001";

class HandsTest : public testing::Test {
 protected:
  HandsTest() {
    if (std::getenv("LIBREBIRD_NO_SANDBOX_TESTS") != nullptr) return;
    directory_ = std::filesystem::temp_directory_path() / ("hands-test-" + ids_.next());
    std::filesystem::create_directories(directory_);
    config_.emplace(Config::load(hands_config(), "", [](std::string_view) { return std::optional<std::string>(); }).value());
    hands_ = make_hands({loop_, *config_, clock_, ids_, audit_, http_, skills::official_skills().value(), directory_, LIBREBIRD_TOOL_DIRECTORY});
  }
  ~HandsTest() override {
    hands_.reset();
    std::filesystem::remove_all(directory_);
  }
  void SetUp() override {
    if (!hands_) GTEST_SKIP() << "LIBREBIRD_NO_SANDBOX_TESTS is set: containment is not tested";
  }

  Result<ToolResult> call(std::string name, std::string arguments, std::string id = {}) {
    ToolRequest request;
    request.call = {id.empty() ? ids_.next() : std::move(id), std::move(name), std::move(arguments)};
    request.principal = {"0193a000-0000-7000-8000-000000000002", kWorkspace, Role::owner, "test"};
    return testkit::run_on(loop_, hands_->execute_tool(std::move(request), nullptr, {}));
  }

  Loop loop_;
  SystemClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
  testkit::MemoryAuditStore audit_;
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

// The figure of the budget; printed, never asserted.
TEST_F(HandsTest, MeasuresACall) {
  std::vector<double> times;
  for (int i = 0; i < 300; ++i) {
    const auto began = std::chrono::steady_clock::now();
    ASSERT_EQ(call("calculator", R"({"expression":"1+1"})")->status, ToolStatus::ok);
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
  }
  std::ranges::sort(times);
  std::printf("native call of 300: p50 %.2f ms, p95 %.2f ms, min %.2f ms\n", times[150], times[285], times[0]);
}

}  // namespace
}  // namespace librebird
