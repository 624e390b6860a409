#include "audit_chain.hpp"
#include "factories.hpp"
#include "rows.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>
#include <unordered_map>

// The ids of a page of the list, by each way to see a conversation.
#define LB_OWN_PAGE LB_PAGE("", "c.workspace_id = $1 AND c.user_id = $2")
#define LB_EVERYBODYS_PAGE LB_PAGE("", "c.workspace_id = $1 AND c.workspace_access <> 'none'")
#define LB_SHARED_PAGE \
  LB_PAGE("JOIN conversation_shares s ON s.conversation_id = c.id ", "s.workspace_id = $1 AND s.user_id = $2")
#define LB_PAGE(join, way)                                    \
  "SELECT c.id FROM conversations c " join "WHERE " way       \
  " AND c.archived = $3 AND (c.updated_at, c.id) < ($4, $5) " \
  "ORDER BY c.updated_at DESC, c.id DESC LIMIT $6"

namespace librebird::storage {
namespace {

constexpr int kHitsPerWord = 20'000;

// Where a page ends: the list's order is newest activity first, then by id.
struct Cursor {
  UnixMillis updated_at = std::numeric_limits<UnixMillis>::max();
  std::string id;

  [[nodiscard]] std::string text() const { return std::to_string(updated_at) + "." + id; }
  static Result<Cursor> parse(const std::string& text) {
    Cursor cursor;
    if (text.empty()) return cursor;
    const char* end = text.data() + text.size();
    const auto [dot, failure] = std::from_chars(text.data(), end, cursor.updated_at);
    if (failure != std::errc() || dot == end || *dot != '.' || !is_uuid({dot + 1, end})) {
      return {Code::invalid_argument, "The cursor is not one of this list: begin again without it."};
    }
    cursor.id.assign(dot + 1, end);
    return cursor;
  }
};

// Which of the words were found in a conversation, and the message that has most of them.
struct Match {
  unsigned words = 0;
  std::int64_t best_seq = 0;
  int best_count = 0;
};
using Matches = std::unordered_map<std::string, Match>;

class SqlConversationStore final : public ConversationStore {
 public:
  explicit SqlConversationStore(Context context) : context_(context) {}

  Task<Result<Conversation>> create(Principal principal, std::string title) override {
    Conversation conversation;
    conversation.id = context_.ids.next();
    conversation.user_id = principal.user_id;
    conversation.workspace_id = principal.workspace_id;
    conversation.title = clean_text(std::move(title));
    conversation.created_at = conversation.updated_at = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<Conversation> {
      LB_CHECK(
          db.execute("INSERT INTO conversations (id, workspace_id, user_id, title, created_at, updated_at) "
                     "VALUES ($1, $2, $3, $4, $5, $5)",
                     conversation.id, conversation.workspace_id, conversation.user_id, conversation.title,
                     conversation.created_at));
      return conversation;
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<Conversation>> get(Principal principal, std::string id) override {
    auto work = [&](Connection& db) { return get_conversation(db, principal, id); };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<std::vector<Conversation>>> get_all(std::vector<std::string> ids) override {
    constexpr std::size_t kAtOnce = 16;  // one statement's text for any number
    auto work = [&](Connection& db) -> Result<std::vector<Conversation>> {
      std::vector<Conversation> all;
      for (std::size_t begin = 0; begin < ids.size(); begin += kAtOnce) {
        std::array<Param, kAtOnce> some;
        some.fill(std::string_view());
        for (std::size_t i = begin; i < std::min(begin + kAtOnce, ids.size()); ++i) {
          some[i - begin] = std::string_view(ids[i]);
        }
        std::vector<ConversationRow> rows;
        auto add = [&](const Row& row) { rows.push_back(conversation_row(row)); };
        LB_CHECK(db.each_with("SELECT " LB_CONVERSATION_COLUMNS " FROM conversations c WHERE c.id IN ($1, $2, $3, $4, "
                              "$5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
                              add, some));
        for (ConversationRow& row : rows) {
          LB_TRY(conversation, with_people(db, std::move(row)));
          all.push_back(std::move(conversation));
        }
      }
      return all;
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<Page<Conversation>>> list(Principal principal, ConversationFilter filter) override {
    LB_CO_TRY(cursor, Cursor::parse(filter.cursor));
    const auto limit = static_cast<std::size_t>(std::clamp(filter.limit, 1, 200));
    const std::string query = clean_text(std::move(filter.query));
    if (query.find_first_not_of(" \t\r\n") == std::string::npos) {
      auto work = [&](Connection& db) { return page(db, principal, filter.archived, cursor, limit); };
      co_return co_await context_.database.read(as(principal), work);
    }
    const std::vector<SearchWord> words = words_of(query, true);
    if (words.empty()) co_return Page<Conversation>{};
    co_await context_.search.catch_up();
    auto work = [&](Connection& db) { return search(db, principal, filter.archived, cursor, limit, words); };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<Conversation>> update(Principal principal, std::string id, std::optional<std::string> title,
                                    std::optional<bool> archived) override {
    if (title) title = clean_text(*std::move(title));
    auto work = [&](Connection& db) -> Result<Conversation> {
      LB_CHECK(own_conversation(db, principal, id, "Renaming and archiving"));
      LB_CHECK(
          db.execute("UPDATE conversations SET title = COALESCE($4, title), archived = COALESCE($5, archived) "
                     "WHERE id = $1 AND user_id = $2 AND workspace_id = $3",
                     id, principal.user_id, principal.workspace_id, title, archived));
      return get_conversation(db, principal, id);
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<Conversation>> share(Principal principal, std::string id, Sharing sharing) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<Conversation> {
      LB_CHECK(own_conversation(db, principal, id, "Sharing"));
      LB_CHECK(check_sharing(db, principal, sharing));
      LB_CHECK(
          db.execute("UPDATE conversations SET workspace_access = $2 WHERE id = $1", id, to_string(sharing.workspace)));
      LB_CHECK(db.execute("DELETE FROM conversation_shares WHERE conversation_id = $1", id));
      for (const Sharing::Person& person : sharing.people) {
        LB_CHECK(
            db.execute("INSERT INTO conversation_shares (conversation_id, workspace_id, user_id, access, created_at) "
                       "VALUES ($1, $2, $3, $4, $5)",
                       id, principal.workspace_id, person.user_id, to_string(person.access), now));
      }
      AuditEvent event;
      event.kind = AuditKind::policy;
      event.principal = principal;
      event.conversation_id = id;
      event.subject = "sharing";
      event.detail = "workspace: " + std::string(to_string(sharing.workspace)) +
                     ", people: " + std::to_string(sharing.people.size());
      LB_CHECK(append_audit(db, context_.audit, event));
      return get_conversation(db, principal, id);
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Status> remove(Principal principal, std::string id) override {
    auto work = [&](Connection& db) -> Status {
      LB_TRY(conversation, own_conversation(db, principal, id, "Deleting"));
      return remove_conversation(db, context_, conversation);
    };
    co_return co_await context_.database.write(as(principal), work);
  }

 private:
  static Status check_sharing(Connection& db, const Principal& principal, const Sharing& sharing) {
    if (sharing.people.size() > kMostShares) {
      return {Code::invalid_argument, "A conversation is shared with at most 50 people: share it with the workspace."};
    }
    std::set<std::string_view> seen;
    const AsPlatform platform(db);  // nobody sees others' memberships by himself
    for (const Sharing::Person& person : sharing.people) {
      if (person.user_id == principal.user_id || person.access == Access::none || !seen.insert(person.user_id).second) {
        return {Code::invalid_argument, "Name each person once, with \"read\" or \"write\", and not yourself."};
      }
      auto one = [](const Row& row) { return row.integer(0); };
      LB_TRY(member, db.one("SELECT 1 FROM workspace_members WHERE workspace_id = $1 AND user_id = $2", one,
                            principal.workspace_id, person.user_id));
      if (!member) return {Code::invalid_argument, "A conversation is shared with members of its workspace only."};
    }
    return Ok{};
  }

  // Calls `take(ConversationRow)` in the list's order, from the cursor on, until it answers false.
  template <class Take>
  static Status walk(Connection& db, const Principal& principal, bool archived, const Cursor& cursor, Take&& take,
                     std::size_t limit) {
    std::size_t taken = 0;
    auto visit = [&](const Row& row) {
      if (taken < limit && take(conversation_row(row))) ++taken;
    };
    // Each of the three ways to see one has an index, of which the first rows are enough; LB_MAY_READ has the last
    // word.
    return db.each("SELECT " LB_CONVERSATION_COLUMNS " FROM (SELECT id FROM (" LB_OWN_PAGE
                   ") own UNION SELECT id FROM (" LB_EVERYBODYS_PAGE
                   ") everybodys UNION SELECT id FROM (" LB_SHARED_PAGE
                   ") shared) v CROSS JOIN conversations c WHERE c.id = v.id AND c.archived = $3 "
                   "AND " LB_MAY_READ("$1", "$2") " ORDER BY c.updated_at DESC, c.id DESC LIMIT $6",
                   visit, principal.workspace_id, principal.user_id, archived, cursor.updated_at, cursor.id,
                   static_cast<std::int64_t>(std::min<std::size_t>(limit, 1'000'000)));
  }

  static Result<Page<Conversation>> end_page(Connection& db, std::vector<ConversationRow> rows, std::size_t limit) {
    Page<Conversation> page;
    const bool more = rows.size() > limit;
    if (more) rows.resize(limit);
    for (ConversationRow& row : rows) {
      LB_TRY(conversation, with_people(db, std::move(row)));
      page.items.push_back(std::move(conversation));
    }
    if (more) page.next = Cursor{page.items.back().updated_at, page.items.back().id}.text();
    return page;
  }

  static Result<Page<Conversation>> page(Connection& db, const Principal& principal, bool archived,
                                         const Cursor& cursor, std::size_t limit) {
    std::vector<ConversationRow> rows;
    auto take = [&](ConversationRow row) {
      rows.push_back(std::move(row));
      return true;
    };
    LB_CHECK(walk(db, principal, archived, cursor, take, limit + 1));
    return end_page(db, std::move(rows), limit);
  }

  Result<Matches> matches(Connection& db, const Principal& principal, const std::vector<SearchWord>& words) const {
    struct Message {
      unsigned mask = 0;
      std::string conversation_id;
    };
    std::unordered_map<std::int64_t, Message> messages;
    for (std::size_t i = 0; i < words.size(); ++i) {
      LB_TRY(hits, context_.search.with_word(db, principal, words[i], kHitsPerWord));
      for (TextSearch::Found& hit : hits) {
        Message& message = messages[hit.seq];
        message.mask |= 1U << i;
        message.conversation_id = std::move(hit.conversation_id);
      }
    }
    Matches found;
    for (const auto& [seq, message] : messages) {
      const unsigned mask = message.mask;
      Match& match = found[message.conversation_id];
      match.words |= mask;
      const int count = __builtin_popcount(mask);
      if (count > match.best_count || (count == match.best_count && seq > match.best_seq)) {
        match.best_seq = seq;
        match.best_count = count;
      }
    }
    return found;
  }

  // Every word must be in the title or in a message.
  Result<Page<Conversation>> search(Connection& db, const Principal& principal, bool archived, const Cursor& cursor,
                                    std::size_t limit, const std::vector<SearchWord>& words) const {
    LB_TRY(matched, matches(db, principal, words));
    const unsigned all = (1U << words.size()) - 1;
    std::vector<ConversationRow> rows;
    auto take = [&](ConversationRow row) {
      if (rows.size() > limit) return false;
      const Conversation& conversation = row.conversation;
      unsigned mask = 0;
      if (const auto match = matched.find(conversation.id); match != matched.end()) mask = match->second.words;
      if (mask != all) {
        const std::vector<Token> title = tokens_of(conversation.title, 1000);
        for (std::size_t i = 0; i < words.size(); ++i) {
          if (contains_word(title, words[i])) mask |= 1U << i;
        }
      }
      if (mask == all) rows.push_back(std::move(row));
      return true;
    };
    LB_CHECK(walk(db, principal, archived, cursor, take, std::numeric_limits<std::size_t>::max()));
    LB_TRY(page, end_page(db, std::move(rows), limit));
    for (Conversation& conversation : page.items) {
      std::string text = conversation.title;
      if (const auto match = matched.find(conversation.id); match != matched.end()) {
        auto content = [](const Row& row) { return row.string(0); };
        LB_TRY(message, db.one("SELECT content FROM messages WHERE seq = $1", content, match->second.best_seq));
        if (message) text = *std::move(message);
      }
      conversation.snippet = snippet_of(text, words);
    }
    return page;
  }

  Context context_;
};

}  // namespace

Status remove_conversation(Connection& db, const Context& context, const Conversation& conversation) {
  LB_CHECK(context.search.removing(db, conversation.id));
  LB_CHECK(forget_conversation(db, conversation.id));
  // What anybody was asked about stays on record; what it was about goes with the conversation.
  LB_CHECK(db.execute("UPDATE approvals SET arguments = '{}' WHERE conversation_id = $1 AND workspace_id = $2",
                      conversation.id, conversation.workspace_id));
  LB_CHECK(db.execute("DELETE FROM conversations WHERE id = $1 AND user_id = $2 AND workspace_id = $3", conversation.id,
                      conversation.user_id, conversation.workspace_id));
  return context.search.removed(db);
}

std::unique_ptr<ConversationStore> make_conversation_store(Context context) {
  return std::make_unique<SqlConversationStore>(context);
}

}  // namespace librebird::storage
