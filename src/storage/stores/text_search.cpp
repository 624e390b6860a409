#include "text_search.hpp"

#include "rows.hpp"

namespace librebird::storage {
namespace {

constexpr int kSharedConversations = 200;

}  // namespace

Result<std::vector<std::string>> shared_conversations(Connection& db, const Principal& principal) {
  auto id = [](const Row& row) { return row.string(0); };
  return db.all(
      "SELECT c.id FROM conversations c WHERE (c.workspace_access <> 'none' OR EXISTS (SELECT 1 FROM "
      "conversation_shares o WHERE o.conversation_id = c.id)) AND " LB_MAY_READ(
          "$1", "$2") " ORDER BY c.updated_at DESC LIMIT $3",
      id, principal.workspace_id, principal.user_id, kSharedConversations);
}

}  // namespace librebird::storage
