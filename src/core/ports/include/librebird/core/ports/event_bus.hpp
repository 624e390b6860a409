#pragma once

// Port: live events from where a turn runs to every subscriber, on whatever connection or gateway.
// Best effort: what must not be lost is in the stores, and a subscriber that missed something asks for it again.
// Thread rule: loop only; handlers are called on the loop and must not block.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace librebird {

class EventBus {
 public:
  // One message for all subscribers of a topic: shared, never copied per subscriber.
  using Payload = std::shared_ptr<const std::string>;
  using Handler = std::function<void(const Payload&)>;

  // Ends when destroyed. Must not outlive the bus.
  class Subscription {
   public:
    virtual ~Subscription() = default;
  };

  virtual ~EventBus() = default;
  virtual void publish(std::string_view topic, Payload payload) = 0;
  [[nodiscard]] virtual std::unique_ptr<Subscription> subscribe(std::string_view topic, Handler handler) = 0;
};

}  // namespace librebird
