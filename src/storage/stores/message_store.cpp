#include "factories.hpp"
#include "rows.hpp"

#include <algorithm>
#include <limits>

namespace librebird::storage {
namespace {

class SqlMessageStore final : public MessageStore {
 public:
  explicit SqlMessageStore(Context context) : context_(context) {}

  Task<Result<Page<Message>>> list(Principal principal, std::string conversation_id, std::string before,
                                   int limit) override {
    const int bounded = std::clamp(limit, 1, 500);
    auto work = [&](Connection& db) -> Result<Page<Message>> {
      auto number = [](const Row& row) { return row.integer(0); };
      LB_CHECK(found(db.one("SELECT 1 FROM conversations c WHERE c.id = $1 AND " LB_MAY_READ("$2", "$3"), number,
                            conversation_id, principal.workspace_id, principal.user_id),
                     "conversation"));
      std::int64_t end = std::numeric_limits<std::int64_t>::max();
      if (!before.empty()) {
        LB_TRY(position, found(db.one("SELECT position FROM messages WHERE id = $1 AND conversation_id = $2", number,
                                      before, conversation_id),
                               "message"));
        end = position;
      }
      LB_TRY(items, db.all("SELECT " LB_MESSAGE_COLUMNS " FROM messages m WHERE m.conversation_id = $1 AND "
                           "m.superseded_by IS NULL AND m.position < $2 ORDER BY m.position DESC LIMIT $3",
                           message_row, conversation_id, end, bounded + 1));
      Page<Message> page;
      const bool more = items.size() > static_cast<std::size_t>(bounded);
      if (more) items.pop_back();
      std::ranges::reverse(items);
      if (more) page.next = items.front().id;
      page.items = std::move(items);
      return page;
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<Message>> get(Principal principal, std::string id) override {
    auto work = [&](Connection& db) -> Result<Message> {
      return found(db.one("SELECT " LB_MESSAGE_COLUMNS " FROM messages m JOIN conversations c ON c.id = "
                          "m.conversation_id WHERE m.id = $1 AND m.superseded_by IS NULL AND " LB_MAY_READ("$2", "$3"),
                          message_row, id, principal.workspace_id, principal.user_id),
                   "message");
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<std::optional<Message>>> answer_of(Principal principal, std::string turn_id) override {
    auto work = [&](Connection& db) {
      return db.one("SELECT " LB_MESSAGE_COLUMNS
                    " FROM turns t JOIN messages m ON m.conversation_id = t.conversation_id "
                    "AND m.position = t.position JOIN conversations c ON c.id = t.conversation_id "
                    "WHERE t.id = $1 AND m.superseded_by IS NULL AND " LB_MAY_READ("$2", "$3"),
                    message_row, turn_id, principal.workspace_id, principal.user_id);
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<std::vector<MemoryItem>>> search(Principal principal, std::string text, int limit) override {
    const std::vector<SearchWord> words = words_of(clean_text(std::move(text)), false);
    if (words.empty()) co_return std::vector<MemoryItem>{};
    co_await context_.search.catch_up();
    const auto wanted = static_cast<std::size_t>(std::clamp(limit, 1, 100));
    auto work = [&](Connection& db) -> Result<std::vector<MemoryItem>> {
      std::vector<MemoryItem> items;
      // Superseded messages are dropped afterwards, so a few more are asked for.
      LB_TRY(hits, context_.search.best(db, principal, words, static_cast<int>(wanted) * 2 + 20));
      for (const TextSearch::Hit& hit : hits) {
        if (items.size() >= wanted) break;
        auto item = [&](const Row& row) {
          return MemoryItem{row.string(0), row.string(1), row.string(2), hit.score, row.integer(3)};
        };
        LB_TRY(visible, db.one("SELECT m.conversation_id, m.id, m.content, m.created_at FROM messages m JOIN "
                               "conversations c ON c.id = m.conversation_id WHERE m.seq = $1 AND m.user_id = $3 AND "
                               "m.superseded_by IS NULL AND " LB_MAY_READ("$2", "$3"),
                               item, hit.seq, principal.workspace_id, principal.user_id));
        if (visible) items.push_back(*std::move(visible));
      }
      return items;
    };
    co_return co_await context_.database.read(as(principal), work);
  }

 private:
  Context context_;
};

}  // namespace

std::unique_ptr<MessageStore> make_message_store(Context context) { return std::make_unique<SqlMessageStore>(context); }

}  // namespace librebird::storage
