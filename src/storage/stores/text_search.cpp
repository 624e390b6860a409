#include "text_search.hpp"

#include "rows.hpp"

namespace librebird::storage {
namespace {

constexpr int kSharedConversations = 200;

}  // namespace

Result<std::vector<std::string>> shared_conversations(Connection& db, const Principal& principal) {
  auto id = [](const Row& row) { return row.string(0); };
  return db.all(
      "SELECT c.id FROM (SELECT id FROM (SELECT c.id FROM conversations c WHERE c.workspace_id = $1 AND "
      "c.workspace_access <> 'none' ORDER BY c.updated_at DESC LIMIT $3) everybodys "
      "UNION SELECT s.conversation_id FROM conversation_shares s WHERE s.workspace_id = $1 AND s.user_id = $2 "
      "UNION SELECT s.conversation_id FROM conversation_shares s JOIN conversations c ON c.id = s.conversation_id "
      "WHERE s.workspace_id = $1 AND c.user_id = $2) v CROSS JOIN conversations c "
      "WHERE c.id = v.id AND " LB_MAY_READ("$1", "$2") " ORDER BY c.updated_at DESC LIMIT $3",
      id, principal.workspace_id, principal.user_id, kSharedConversations);
}

}  // namespace librebird::storage
