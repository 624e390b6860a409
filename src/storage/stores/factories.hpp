#pragma once

// One factory a store. Private.

#include <librebird/core/ports/account_store.hpp>
#include <librebird/core/ports/approval_stores.hpp>
#include <librebird/core/ports/embedding_store.hpp>
#include <librebird/core/ports/identity_link_store.hpp>
#include <librebird/core/ports/person_store.hpp>
#include <librebird/core/ports/personal_stores.hpp>
#include <librebird/core/ports/retention_store.hpp>
#include <librebird/core/ports/usage_store.hpp>
#include <librebird/core/ports/workspace_stores.hpp>

#include "context.hpp"
#include "vector_search.hpp"

#include <memory>

namespace librebird::storage {

std::unique_ptr<IdentityStore> make_identity_store(Context context);
std::unique_ptr<CredentialStore> make_credential_store(Context context);
std::unique_ptr<ConversationStore> make_conversation_store(Context context);
std::unique_ptr<MessageStore> make_message_store(Context context);
std::unique_ptr<TurnStore> make_turn_store(Context context);
std::unique_ptr<AuditStore> make_audit_store(Context context);
std::unique_ptr<SecretStore> make_secret_store(Context context);
std::unique_ptr<SkillStore> make_skill_store(Context context);
std::unique_ptr<ApprovalStore> make_approval_store(Context context);
std::unique_ptr<QuotaStore> make_quota_store(Context context);
std::unique_ptr<PersonStore> make_person_store(Context context);
std::unique_ptr<UsageStore> make_usage_store(Context context);
std::unique_ptr<WorkspaceStore> make_workspace_store(Context context);
std::unique_ptr<InvitationStore> make_invitation_store(Context context);
std::unique_ptr<AccountStore> make_account_store(Context context);
std::unique_ptr<TaskStore> make_task_store(Context context);
std::unique_ptr<JournalStore> make_journal_store(Context context);
std::unique_ptr<SnapshotStore> make_snapshot_store(Context context);
std::unique_ptr<DayMemoryStore> make_day_memory_store(Context context);
std::unique_ptr<SettingStore> make_setting_store(Context context);
std::unique_ptr<LegacyIdStore> make_legacy_id_store(Context context);
std::unique_ptr<IdentityLinkStore> make_identity_link_store(Context context);
std::unique_ptr<RetentionStore> make_retention_store(Context context);
std::unique_ptr<EmbeddingStore> make_embedding_store(Context context, std::unique_ptr<VectorSearch> vectors);

}  // namespace librebird::storage
