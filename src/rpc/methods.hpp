#pragma once

// The full names of the RPCs in proto/brain.proto and proto/hands.proto.

namespace librebird::rpc {

inline constexpr const char* kStreamChat = "/librebird.v1.Brain/StreamChat";
inline constexpr const char* kBrainExecuteTool = "/librebird.v1.Brain/ExecuteTool";
inline constexpr const char* kGetMemory = "/librebird.v1.Brain/GetMemory";
inline constexpr const char* kGetDefaultModel = "/librebird.v1.Brain/GetDefaultModel";
inline constexpr const char* kListModels = "/librebird.v1.Brain/ListModels";
inline constexpr const char* kHandsExecuteTool = "/librebird.v1.Hands/ExecuteTool";
inline constexpr const char* kListTools = "/librebird.v1.Hands/ListTools";
inline constexpr const char* kHealth = "/librebird.v1.Hands/Health";
inline constexpr const char* kDecideApproval = "/librebird.v1.Hands/DecideApproval";
inline constexpr const char* kListApprovals = "/librebird.v1.Hands/ListApprovals";
inline constexpr const char* kGetToolMode = "/librebird.v1.Hands/GetToolMode";
inline constexpr const char* kSetToolMode = "/librebird.v1.Hands/SetToolMode";
inline constexpr const char* kListGrants = "/librebird.v1.Hands/ListGrants";
inline constexpr const char* kRevokeGrant = "/librebird.v1.Hands/RevokeGrant";

}  // namespace librebird::rpc
