#include <librebird/brain/memory/recall.hpp>

#include <librebird/base/utf8.hpp>

#include <algorithm>
#include <unordered_set>

namespace librebird::brain::memory {
namespace {

constexpr std::size_t kQueryLimit = 1000;
constexpr int kItemLimit = 50;

bool better(const MemoryItem& a, const MemoryItem& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.created_at > b.created_at;
}

}  // namespace

Task<Result<std::vector<MemoryItem>>> recall(MessageStore* messages, MemoryQuery query) {
  if (messages == nullptr) {
    co_return make_error(Code::failed_precondition,
                         "Memory needs the message store, which this process does not have. Ask the gateway.");
  }
  std::string text(utf8_prefix(is_utf8(query.text) ? query.text : to_valid_utf8(query.text), kQueryLimit));
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) co_return std::vector<MemoryItem>{};
  const int limit = std::clamp(query.limit, 1, kItemLimit);
  LB_CO_TRY(items, co_await messages->search(query.principal, std::move(text), limit));
  std::ranges::sort(items, better);
  std::unordered_set<std::string> seen;
  const auto repeated = [&seen](const MemoryItem& item) { return !seen.insert(item.message_id).second; };
  std::vector<MemoryItem> once;
  for (MemoryItem& item : items) {
    if (!repeated(item)) once.push_back(std::move(item));
  }
  if (once.size() > static_cast<std::size_t>(limit)) once.resize(static_cast<std::size_t>(limit));
  co_return once;
}

}  // namespace librebird::brain::memory
