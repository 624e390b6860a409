#include "housekeeping.hpp"

#include <librebird/base/async/sync.hpp>
#include <librebird/base/log.hpp>

#include <algorithm>
#include <map>

namespace librebird::gateway {

Housekeeping::Housekeeping(HousekeepingParts parts) : parts_(parts), scope_(parts.services.loop.executor()) {}

void Housekeeping::start() {
  member_events_ = on_member_event(parts_.services.bus, [this](const MemberEvent& event) { apply(event); });
  sharing_events_ =
      on_sharing_event(parts_.services.bus, [this](const SharingEvent& event) { parts_.sessions.apply(event); });
  scope_.spawn(check_access(), "access check");
  scope_.spawn(forget_the_old(), "retention");
}

Task<void> Housekeeping::stop() {
  scope_.cancel();
  co_await scope_.join();
}

// A socket outlives the request that was authenticated: see from time to time whether it may go on. A round takes no
// more than a hundredth of the time, so it is every two seconds at home, and rarer with thousands of sockets.
Task<void> Housekeeping::check_access() {
  constexpr std::chrono::nanoseconds kOften = std::chrono::seconds(2);
  constexpr std::chrono::nanoseconds kRarely = std::chrono::seconds(30);
  const Clock& clock = parts_.services.clock;
  std::chrono::nanoseconds took{0};
  while (co_await sleep_for(std::clamp(took * 100, kOften, kRarely), scope_.token())) {
    const SteadyTime begun = clock.steady_now();
    for (const Caller& caller : parts_.sessions.callers()) {
      const Status valid = co_await parts_.authenticator.still_valid(caller);
      const bool lost =
          !valid && (valid.error().code == Code::unauthenticated || valid.error().code == Code::permission_denied);
      if (lost) parts_.sessions.revoke(caller.principal.credential_id);
    }
    co_await check_members();
    took = clock.steady_now() - begun;
  }
}

// What this gateway was not told: a change by an operator's command. The stores refuse at once whatever comes over such
// a connection; this ends what only listens, and turns that run on.
Task<void> Housekeeping::check_members() {
  std::map<std::pair<std::string, std::string>, Role> known;  // by workspace and user
  const auto note = [&known](const Principal& who) {
    if (who.workspace_id.empty()) return;
    Role& highest = known.try_emplace({who.workspace_id, who.user_id}, who.role).first->second;
    highest = std::max(highest, who.role);
  };
  for (const Caller& caller : parts_.sessions.callers()) note(caller.principal);
  for (const Principal& who : parts_.runner.people()) note(who);
  for (const auto& [member, role] : known) {
    const auto now = co_await parts_.services.workspaces.role_of(member.second, member.first);
    if (now && *now != role) apply({member.first, member.second, now->value_or(Role::guest) < role || !*now});
  }
}

void Housekeeping::apply(const MemberEvent& event) {
  parts_.sessions.revoke_member(event.workspace_id, event.user_id);
  if (event.fewer_rights) parts_.runner.cancel_of(event.workspace_id, event.user_id);
}

// What no limit counts any more, and conversations that are past their workspace's rules.
Task<void> Housekeeping::forget_the_old() {
  do {
    if (const auto pruned = co_await parts_.services.usage.prune(); !pruned) {
      log::warn("old counts of use are kept for now", {{"cause", pruned.error().message}});
    }
    if (const Status swept = co_await sweep_conversations(); !swept) {
      log::warn("old conversations are kept for now", {{"cause", swept.error().message}});
    }
  } while (co_await sleep_for(Millis(3'600'000), scope_.token()));
}

// In portions, so that people's messages need not wait for it.
Task<Status> Housekeeping::sweep_conversations() {
  constexpr int kPortion = 20;
  for (;;) {
    LB_CO_TRY(gone, co_await parts_.services.retention.sweep(kPortion));
    for (const Conversation& conversation : gone) parts_.list_events.deleted(conversation);
    if (gone.size() < kPortion || !co_await sleep_for(Millis(100), scope_.token())) co_return Ok{};
  }
}

}  // namespace librebird::gateway
