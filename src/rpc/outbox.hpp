#pragma once

// Messages waiting for the one write that gRPC allows at a time. Text that waits is joined, so a slow reader gets
// fewer and larger messages instead of a longer queue. Bounded in bytes. Loop only.

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace librebird::rpc {

class Outbox {
 public:
  using TextEncoder = std::function<std::string(std::string text)>;  // text -> serialized message

  explicit Outbox(std::size_t limit) : limit_(limit) {}

  void set_text_encoder(TextEncoder encoder) { encode_ = std::move(encoder); }
  // False when the queue holds its limit already (a single message may be larger than the limit).
  [[nodiscard]] bool push(std::string message) {
    if (bytes_ >= limit_) return false;
    bytes_ += message.size();
    items_.push_back({std::move(message), false});
    return true;
  }
  [[nodiscard]] bool push_text(std::string_view text) {
    if (bytes_ >= limit_) return false;
    bytes_ += text.size();
    if (!items_.empty() && items_.back().text && items_.back().content.size() < kJoinedText) {
      items_.back().content += text;
    } else {
      items_.push_back({std::string(text), true});
    }
    return true;
  }
  // The next message, serialized. It no longer counts as queued.
  [[nodiscard]] std::optional<std::string> next() {
    if (items_.empty()) return std::nullopt;
    Item item = std::move(items_.front());
    items_.pop_front();
    bytes_ -= item.content.size();
    return item.text ? encode_(std::move(item.content)) : std::move(item.content);
  }
  void clear() {
    items_.clear();
    bytes_ = 0;
  }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return items_.size(); }

 private:
  static constexpr std::size_t kJoinedText = 64 * 1024;
  struct Item {
    std::string content;
    bool text;
  };
  std::size_t limit_;
  std::size_t bytes_ = 0;
  std::deque<Item> items_;
  TextEncoder encode_;
};

}  // namespace librebird::rpc
