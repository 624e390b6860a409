#include "network_stage.hpp"

#include <librebird/hands/testkit/fakes.hpp>
#include <librebird/hands/testkit/run_on.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace librebird::hands {
namespace {

TEST(NetworkStage, LendsSecretsToNamedHostsAndWatches) {
  const std::vector<std::string> hosts = {"*", "http://*", "api.example"};
  const std::string placeholder = "librebird-secret-0123456789";
  CallSecrets secrets;
  secrets.leases = {
      {"key", placeholder, "the value of it", {"api.example", "*.wide.example", "*", "http://plain.example"}}};
  const auto known =
      std::make_shared<const vault::Redactor>(std::vector<vault::KnownValue>{{"my other password", "[secret:other]"}});
  secrets.guard = std::make_shared<vault::CallGuard>(known, secrets.leases);
  egress::CallPolicy policy = network_policy(hosts, secrets, Millis(300'000));
  EXPECT_EQ(policy.limits.total_timeout, Millis(300'000));
  EXPECT_EQ(policy.limits.idle_timeout, Millis(300'000));
  EXPECT_EQ(policy.hosts, hosts);
  ASSERT_EQ(policy.secrets.size(), 1U);
  EXPECT_EQ(policy.secrets[0].placeholder, placeholder);
  EXPECT_EQ(policy.secrets[0].value, "the value of it");
  EXPECT_THAT(policy.secrets[0].hosts, testing::ElementsAre("api.example", "*.wide.example"));
  ASSERT_TRUE(policy.inspector);
  const auto scan = policy.inspector->scan(egress::Direction::out);
  auto found = scan->feed("... my other pass");
  EXPECT_FALSE(found);
  found = scan->feed("word ...");
  if (!found) found = scan->finish();
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->known);
  // The placeholder itself looks like nothing that must not leave.
  const auto clean = policy.inspector->scan(egress::Direction::out);
  EXPECT_FALSE(clean->feed("Authorization: Bearer " + placeholder));
  EXPECT_FALSE(clean->finish());

  Loop loop;
  testkit::ScriptedHttpClient http;
  egress::Fence fence(loop.executor(), http);
  EXPECT_TRUE(fence.open(std::move(policy)).ok());
  EXPECT_FALSE(network_policy(hosts, {}, Millis(30'000)).inspector);
}

// A call that is over.
class PastCall final : public egress::Call {
 public:
  explicit PastCall(std::vector<egress::EgressEvent> events) : events_(std::move(events)) {}
  [[nodiscard]] const std::string& directory() const override { return directory_; }
  Status bind(egress::CallPolicy) override { return Ok{}; }
  [[nodiscard]] const std::vector<egress::EgressEvent>& events() const override { return events_; }
  [[nodiscard]] std::string decisions() const override { return {}; }
  Task<void> close() override { co_return; }

 private:
  std::string directory_;
  std::vector<egress::EgressEvent> events_;
};

TEST(NetworkStage, TellsWhoWasTurnedAwayBeforeAnythingWasDone) {
  const auto turned_away = [](const char* method, int status) {
    egress::EgressEvent event;
    event.method = method;
    event.status = status;
    Outcome outcome;
    note_traffic(PastCall({event}), outcome);
    return outcome.turned_away;
  };
  EXPECT_TRUE(turned_away("POST", 401));
  EXPECT_FALSE(turned_away("POST", 200));
  EXPECT_FALSE(turned_away("POST", 403));
  EXPECT_FALSE(turned_away("DELETE", 401));  // the farewell, after the work
}

}  // namespace
}  // namespace librebird::hands
