#include <librebird/bus/memory_event_bus.hpp>

#include <list>
#include <unordered_map>

namespace librebird::bus {
namespace {

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

class MemoryEventBus final : public EventBus {
 public:
  void publish(std::string_view topic, Payload payload) override {
    const auto found = topics_.find(topic);
    if (found == topics_.end()) return;
    const std::shared_ptr<Topic> handlers = found->second;  // a handler may end its own or another subscription
    ++handlers->publishing;
    for (auto& entry : handlers->entries) {
      if (entry.handler) entry.handler(payload);
    }
    if (--handlers->publishing == 0) std::erase_if(handlers->entries, [](const Entry& e) { return !e.handler; });
  }

  std::unique_ptr<Subscription> subscribe(std::string_view topic, Handler handler) override {
    auto found = topics_.find(topic);
    if (found == topics_.end()) found = topics_.emplace(topic, std::make_shared<Topic>()).first;
    found->second->entries.push_back(Entry{std::move(handler)});
    ++found->second->live;
    return std::make_unique<Handle>(*this, found->first, found->second, &found->second->entries.back());
  }

 private:
  struct Entry {
    Handler handler;
  };
  struct Topic {
    std::list<Entry> entries;  // stable addresses
    int publishing = 0;
    std::size_t live = 0;
  };

  class Handle final : public Subscription {
   public:
    Handle(MemoryEventBus& bus, std::string name, std::shared_ptr<Topic> topic, Entry* entry)
        : bus_(bus), name_(std::move(name)), topic_(std::move(topic)), entry_(entry) {}
    ~Handle() override {
      entry_->handler = nullptr;
      if (topic_->publishing == 0) std::erase_if(topic_->entries, [](const Entry& e) { return !e.handler; });
      if (--topic_->live == 0) bus_.topics_.erase(name_);
    }

   private:
    MemoryEventBus& bus_;
    std::string name_;
    std::shared_ptr<Topic> topic_;
    Entry* entry_;
  };

  std::unordered_map<std::string, std::shared_ptr<Topic>, Hash, std::equal_to<>> topics_;
};

}  // namespace

std::unique_ptr<EventBus> make_memory_event_bus() { return std::make_unique<MemoryEventBus>(); }

}  // namespace librebird::bus
