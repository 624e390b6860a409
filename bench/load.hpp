#pragma once

// The modes of bench-load. Each prints one JSON object and returns the exit code.

#include "endpoint.hpp"

#include <string>

namespace librebird::bench {

struct Target {
  Address address;
  std::string key;
};

// What one client says: conversations made beforehand, ids that never repeat.
[[nodiscard]] std::string create_conversation(const Target& target);
[[nodiscard]] std::string unique_id();
[[nodiscard]] std::string subscribe_frame(const std::string& conversation, const std::string& cursor = "");
[[nodiscard]] std::string send_frame(const std::string& conversation, const std::string& content);

int load_direct(const Target& target, int clients, Nanos duration);
int load_turns(const Target& target, int clients, Nanos duration, const std::string& message);
int load_idle(const Target& target, int count);
int load_streams(const Target& target, int clients);
int load_resume(const Target& target, int times);

}  // namespace librebird::bench
