#pragma once

// What the fence asks a leak scanner. Implemented by the vault; the fence needs no more than this.
// Thread rule: loop only. A scan lives no longer than the message it looks at; the inspector outlives its scans.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace librebird::egress {

enum class Direction { out, in };

struct TrafficFinding {
  std::string name;    // for people: "GitHub token", "the setting api_key"; never the text itself
  bool known = false;  // one of this user's own secrets; otherwise only its looks are those of a secret
};

class TrafficScan {
 public:
  virtual ~TrafficScan() = default;
  // The pieces of one message in order (its head first). Finds across the borders of pieces.
  virtual std::optional<TrafficFinding> feed(std::string_view piece) = 0;
  // The message is over: what was waiting for more counts now.
  virtual std::optional<TrafficFinding> finish() = 0;
};

class TrafficInspector {
 public:
  virtual ~TrafficInspector() = default;
  virtual std::unique_ptr<TrafficScan> scan(Direction direction) = 0;
};

// An inspector of whatever watches text: `make` gives a pointer to something with feed(piece) and finish() that answer
// optionally with {name, known}, as the vault's Watch does.
template <class Make>
class WatchingInspector final : public TrafficInspector {
 public:
  explicit WatchingInspector(Make make) : make_(std::move(make)) {}
  std::unique_ptr<TrafficScan> scan(Direction /*direction*/) override { return std::make_unique<Scan>(make_()); }

 private:
  class Scan final : public TrafficScan {
   public:
    explicit Scan(std::invoke_result_t<Make&> watch) : watch_(std::move(watch)) {}
    std::optional<TrafficFinding> feed(std::string_view piece) override { return finding(watch_->feed(piece)); }
    std::optional<TrafficFinding> finish() override { return finding(watch_->finish()); }

   private:
    template <class Found>
    static std::optional<TrafficFinding> finding(Found found) {
      if (!found) return std::nullopt;
      return TrafficFinding{std::move(found->name), found->known};
    }
    std::invoke_result_t<Make&> watch_;
  };
  Make make_;
};

}  // namespace librebird::egress
