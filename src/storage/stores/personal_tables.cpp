#include "personal_tables.hpp"

#include <array>

namespace librebird::storage {
namespace {

constexpr std::string_view kUser = "user_id = $1";
// Nothing of a person's.
constexpr std::string_view kNone;

// In the order in which they are emptied: what refers to a row comes before it.
constexpr std::array kTables = {
    // Conversations are deleted before; what is left stands in other people's.
    PersonalTable{"turn_steps", "turn_id IN (SELECT id FROM turns WHERE user_id = $1)",
                  "turn_id step# content created_at#"},
    PersonalTable{
        "turns", kUser,
        "id conversation_id message_id workspace_id status error_code error_detail created_at# started_at# "
        "finished_at#",
        "UPDATE turns SET user_id = '', client_message_id = NULL, error_detail = NULL, status = CASE WHEN "
        "finished_at IS NULL THEN 'cancelled' ELSE status END, finished_at = COALESCE(finished_at, created_at) "
        "WHERE user_id = $1"},
    PersonalTable{"messages", kUser,
                  "id conversation_id position# workspace_id turn_id role content parts status error_code error_detail "
                  "model_provider model_name client_message_id superseded_by created_at# context_snapshot_id",
                  "UPDATE messages SET user_id = '', content = '', parts = NULL, error_detail = NULL, "
                  "client_message_id = NULL, context_snapshot_id = NULL WHERE user_id = $1"},
    PersonalTable{"conversations", kUser,
                  "id workspace_id title archived# workspace_access created_at# updated_at# bytes#"},
    PersonalTable{"conversation_shares", kUser, "conversation_id workspace_id access created_at#"},
    PersonalTable{"conversation_tool_modes", "set_by = $1", "",
                  "UPDATE conversation_tool_modes SET set_by = '' WHERE set_by = $1"},
    PersonalTable{"workspace_tool_modes", "set_by = $1", "",
                  "UPDATE workspace_tool_modes SET set_by = '' WHERE set_by = $1"},
    PersonalTable{"approvals", kUser,
                  "id workspace_id conversation_id turn_id skill tool arguments reason state decision created_at# "
                  "decided_at#"},
    PersonalTable{"tool_grants", kUser, "id workspace_id skill tool host program created_at#"},
    PersonalTable{"quota_use", "scope = 'user' AND subject = $1", "span start_at# calls# cpu_ms# wall_ms# bytes#"},
    PersonalTable{"usage_entries", kUser, "id workspace_id at# tokens# cost#"},
    PersonalTable{"usage_limits", kUser,
                  "set_for workspace_id messages_a_day# tokens_a_day# tokens_a_month# cost_a_month# bytes#"},
    PersonalTable{"usage_gates", kUser, ""},
    PersonalTable{"secrets", kUser, "workspace_id scope name created_at# updated_at#"},
    PersonalTable{"tasks", kUser,
                  "id workspace_id title description status priority source source_id created_at# completed_at#"},
    PersonalTable{"journal_entries", kUser,
                  "id workspace_id entry_date summary activities tasks_extracted created_at#"},
    PersonalTable{"memories", kUser, "id workspace_id memory_date summary app_names created_at#"},
    PersonalTable{"context_snapshots", kUser, "id workspace_id taken_at# app_name window_title focused_text bundle_id"},
    PersonalTable{"user_settings", kUser, "workspace_id name value"},
    PersonalTable{"knowledge_chunks", kUser, "id workspace_id source chunk_index# content metadata created_at#"},
    PersonalTable{"memory_embeddings", kUser,
                  "id workspace_id source_type source_id position# content model metadata created_at# expires_at#"},
    PersonalTable{"legacy_ids", kUser, "workspace_id kind number# id"},
    PersonalTable{"legacy_quarantine", kUser,
                  "id workspace_id source_table source_id outcome reason content created_at#"},
    PersonalTable{"legacy_files", kUser, "workspace_id path sha256"},
    PersonalTable{"sign_in_links", kUser, ""},
    PersonalTable{"sessions", kUser, "id workspace_id address user_agent created_at# last_used_at# expires_at#"},
    PersonalTable{"api_keys", kUser,
                  "id workspace_id name prefix scopes cidrs created_at# last_used_at# revoked_at# expires_at#"},
    PersonalTable{"recovery_codes", kUser, ""},
    PersonalTable{"external_identities", kUser, "issuer subject created_at#"},
    PersonalTable{"account_tokens", kUser, "purpose email created_at# expires_at# used_at#"},
    PersonalTable{"invitations",
                  "user_id = $1 OR invited_by = $1 OR email = (SELECT u.email FROM users u WHERE u.id = $1)",
                  "id workspace_id role state created_at# expires_at# closed_at#"},
    PersonalTable{"skill_versions", "installed_by = $1", "workspace_id name version installed_at#",
                  "UPDATE skill_versions SET installed_by = '' WHERE installed_by = $1"},
    PersonalTable{"workspace_members", kUser, "workspace_id role joined_at#"},
    // The person's alone by now.
    PersonalTable{"workspaces", "owner_id = $1", "id name created_at#"},
    PersonalTable{"users", "id = $1", "id email display_name created_at# email_verified_at# disabled_at#"},

    // Subjects are hashes of addresses; they are forgotten by themselves.
    PersonalTable{"sign_in_attempts", kNone, ""},
    // Names people by an id that is nobody's once the person is erased (docs/export.md).
    PersonalTable{"audit_chain", kNone, ""},
    PersonalTable{"audit_heads", kNone, ""},
    PersonalTable{"audit_open", kNone, ""},
    PersonalTable{"workspace_retention", kNone, ""},
    PersonalTable{"skills", kNone, ""},
    PersonalTable{"skill_settings", kNone, ""},
    PersonalTable{"skill_revisions", kNone, ""},
    PersonalTable{"secret_revisions", kNone, ""},
    PersonalTable{"master_key", kNone, ""},
    PersonalTable{"server_keys", kNone, ""},
    PersonalTable{"search_state", kNone, ""},
    // Words of messages: taken out with them.
    PersonalTable{"message_search", kNone, ""},
    PersonalTable{"schema_version", kNone, ""},
};

}  // namespace

std::span<const PersonalTable> personal_tables() { return kTables; }

}  // namespace librebird::storage
