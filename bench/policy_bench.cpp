// What asking the policy costs: every role and permission by turns, allowed and refused (a refusal writes its reason).
#include <librebird/core/policy/permissions.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

namespace librebird {
namespace {

using Ticks = std::chrono::steady_clock;
constexpr int kRounds = 20'000;

struct Tally {
  std::vector<double> nanoseconds;

  void print(const char* name, const char* after) {
    std::ranges::sort(nanoseconds);
    const auto at = [&](double part) {
      return nanoseconds[static_cast<std::size_t>(part * static_cast<double>(nanoseconds.size() - 1))];
    };
    std::printf(R"("%s":{"count":%zu,"p50_us":%.3f,"p99_us":%.3f}%s)", name, nanoseconds.size(), at(0.5) / 1000,
                at(0.99) / 1000, after);
  }
};

int measure() {
  Tally allowed;
  Tally refused;
  for (int round = 0; round < kRounds; ++round) {
    for (const Role role : {Role::guest, Role::member, Role::admin, Role::owner}) {
      const Principal principal{"user", "workspace", role, "key"};
      for (const policy::PermissionRow& row : policy::kPermissions) {
        const auto began = Ticks::now();
        const Status answer = policy::require(principal, row.permission);
        const std::chrono::duration<double, std::nano> took = Ticks::now() - began;
        (answer ? allowed : refused).nanoseconds.push_back(took.count());
      }
    }
  }
  std::printf("{");
  allowed.print("allowed", ",");
  refused.print("refused", "}\n");
  return 0;
}

}  // namespace
}  // namespace librebird

int main() { return librebird::measure(); }
