#pragma once

// One call with a program that was started for it: reads what it says until its last word, then ends it at once. Loop
// only; lives in the caller's frame.

#include "call_runner.hpp"

#include <librebird/core/ports/sandbox.hpp>
#include <librebird/hands/protocol/tool_protocol.hpp>

#include <optional>
#include <stop_token>
#include <string>

namespace librebird::hands {

class Conversation {
 public:
  Conversation(std::string id, const SandboxLimits& limits, CallObserver observer);

  // The call was written to `process` before. Returns when the program's whole tree is gone.
  Task<Outcome> hold(SandboxProcess& process, std::string tool, std::stop_token stop);

 private:
  void on_output(std::string_view bytes);
  bool on_message(protocol::ProgramMessage message);
  Outcome conclude(const std::string& tool, Result<SandboxRun> run, bool stopped);

  std::string id_;
  SandboxLimits limits_;
  CallObserver observer_;
  protocol::LineDecoder decoder_;
  std::optional<protocol::ProgramMessage> last_;
  std::optional<Error> broken_;
  std::stop_source enough_;
  std::int64_t bytes_ = 0;
};

}  // namespace librebird::hands
