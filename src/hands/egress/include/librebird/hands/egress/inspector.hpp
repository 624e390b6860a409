#pragma once

// What the fence asks a leak scanner. Implemented by the vault; the fence needs no more than this.
// Thread rule: loop only. A scan lives no longer than the message it looks at; the inspector outlives its scans.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

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

}  // namespace librebird::egress
