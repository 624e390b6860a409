#pragma once

// The parts that messages of several services carry, and what every codec needs. Only the codecs include it.

#include <librebird/core/ports/hands_service.hpp>

#include <fmt/format.h>
#include <model.pb.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace librebird::rpc {

template <class Domain, class Wire, std::size_t N>
using Enums = std::array<std::pair<Domain, Wire>, N>;

// Of a peer that speaks another version, or none.
Error bad(std::string_view what);

inline constexpr Enums<ApprovalMode, v1::ApprovalMode, 3> kApprovalModes{{
    {ApprovalMode::read_only, v1::APPROVAL_MODE_READ_ONLY},
    {ApprovalMode::ask, v1::APPROVAL_MODE_ASK},
    {ApprovalMode::automatic, v1::APPROVAL_MODE_AUTO},
}};

inline constexpr Enums<ApprovalDecision, v1::ApprovalDecision, 3> kApprovalDecisions{{
    {ApprovalDecision::once, v1::APPROVAL_DECISION_ONCE},
    {ApprovalDecision::always, v1::APPROVAL_DECISION_ALWAYS},
    {ApprovalDecision::deny, v1::APPROVAL_DECISION_DENY},
}};

template <class Domain, class Wire, std::size_t N>
Wire encode(const Enums<Domain, Wire, N>& table, Domain value) {
  for (const auto& [domain, wire] : table) {
    if (domain == value) return wire;
  }
  return Wire{};  // "not set": the receiver refuses it
}

template <class Domain, class Wire, std::size_t N>
Result<Domain> decode(const Enums<Domain, Wire, N>& table, Wire value, std::string_view name) {
  for (const auto& [domain, wire] : table) {
    if (wire == value) return domain;
  }
  return bad(fmt::format("an unknown {} ({})", name, static_cast<int>(value)));
}

// 0 means "not set" here and is nothing.
template <class Domain, class Wire, std::size_t N>
Wire encode(const Enums<Domain, Wire, N>& table, const std::optional<Domain>& value) {
  return value ? encode(table, *value) : Wire{};
}
template <class Domain, class Wire, std::size_t N>
Result<std::optional<Domain>> decode_optional(const Enums<Domain, Wire, N>& table, Wire value, std::string_view name) {
  if (value == Wire{}) return std::optional<Domain>();
  LB_TRY(known, decode(table, value, name));
  return std::optional<Domain>(known);
}

std::string bytes_of(const google::protobuf::MessageLite& message);

// From `bytes`, whose size is not trusted.
bool parse_into(google::protobuf::MessageLite& message, std::string_view bytes);

template <class Message>
Result<Message> parse(std::string_view bytes) {
  Message message;
  if (!parse_into(message, bytes)) return bad("malformed bytes");
  return message;
}

void put(const Error& from, v1::Error& to);
Error get(const v1::Error& from);
void put(const Principal& from, v1::Principal& to);
Result<Principal> get(const v1::Principal& from);
void put(const ToolCall& from, v1::ToolCall& to);
ToolCall get(const v1::ToolCall& from);
void put(const ToolResult& from, v1::ToolResult& to);
Result<ToolResult> get(const v1::ToolResult& from);
void put(const ToolUse& from, v1::ToolUse& to);
ToolUse get(const v1::ToolUse& from);
void put(const Approval& from, v1::Approval& to);
Result<Approval> get(const v1::Approval& from);
void put(const ToolProgress& from, v1::ToolProgress& to);
ToolProgress get(const v1::ToolProgress& from);
void put(const ToolSpec& from, v1::ToolSpec& to);
Result<ToolSpec> get(const v1::ToolSpec& from);

}  // namespace librebird::rpc
