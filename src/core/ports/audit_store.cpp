// The names under which audit rows are stored and exported: part of what is hashed, so they never change.
#include <librebird/core/ports/audit_store.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace librebird {
namespace {

constexpr std::array<std::pair<AuditOutcome, std::string_view>, 5> kOutcomes{
    {{AuditOutcome::started, "started"},
     {AuditOutcome::ok, "ok"},
     {AuditOutcome::error, "error"},
     {AuditOutcome::denied, "denied"},
     {AuditOutcome::interrupted, "interrupted"}}};

constexpr std::array<std::pair<AuditKind, std::string_view>, 14> kKinds{
    {{AuditKind::call_started, "call_started"},
     {AuditKind::call_finished, "call_finished"},
     {AuditKind::call_denied, "call_denied"},
     {AuditKind::approval_requested, "approval_requested"},
     {AuditKind::approval_decided, "approval_decided"},
     {AuditKind::egress, "egress"},
     {AuditKind::leak, "leak"},
     {AuditKind::skill, "skill"},
     {AuditKind::secret, "secret"},
     {AuditKind::policy, "policy"},
     {AuditKind::chain, "chain"},
     {AuditKind::account, "account"},
     {AuditKind::session, "session"},
     {AuditKind::api_key, "api_key"}}};

template <class E, std::size_t N>
std::string_view name_of(const std::array<std::pair<E, std::string_view>, N>& names, E value) {
  const auto found = std::ranges::find(names, value, [](const auto& pair) { return pair.first; });
  return found == names.end() ? std::string_view() : found->second;
}

template <class E, std::size_t N>
std::optional<E> value_of(const std::array<std::pair<E, std::string_view>, N>& names, std::string_view name) {
  const auto found = std::ranges::find(names, name, [](const auto& pair) { return pair.second; });
  return found == names.end() ? std::nullopt : std::optional(found->first);
}

}  // namespace

std::string_view to_string(AuditOutcome outcome) { return name_of(kOutcomes, outcome); }
std::optional<AuditOutcome> audit_outcome_from_string(std::string_view name) { return value_of(kOutcomes, name); }
std::string_view to_string(AuditKind kind) { return name_of(kKinds, kind); }
std::optional<AuditKind> audit_kind_from_string(std::string_view name) { return value_of(kKinds, name); }

}  // namespace librebird
