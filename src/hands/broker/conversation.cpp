#include "conversation.hpp"

#include <librebird/base/utf8.hpp>

#include <fmt/format.h>

#include <utility>

namespace librebird::hands {
namespace {

using protocol::ProgramMessage;
using Type = ProgramMessage::Type;

constexpr std::size_t kMaxReason = 300;
constexpr std::size_t kMaxMessage = 16 * 1024;

// The last line that says something: for most languages the reason of an uncaught failure.
std::string last_line(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t last = text.find_last_not_of(kSpace);
  if (last == std::string_view::npos) return {};
  text = text.substr(0, last + 1);
  const std::size_t start = text.find_last_of('\n');
  if (start != std::string_view::npos) text = text.substr(start + 1);
  return to_valid_utf8(text.substr(0, kMaxReason));
}

std::string with_reason(std::string sentence, std::string_view error_output) {
  const std::string reason = last_line(error_output);
  return reason.empty() ? sentence + "." : fmt::format("{}: {}", sentence, reason);
}

Outcome explain_limit(const std::string& tool, SandboxEnd end, const SandboxLimits& limits) {
  switch (end) {
    case SandboxEnd::timed_out:
      return failed(fmt::format("The tool {} was stopped: it took longer than {} seconds.", tool,
                                limits.wall_time.count() / 1000),
                    "timed out");
    case SandboxEnd::output_limit:
      return failed(fmt::format("The tool {} was stopped: it wrote more than {} bytes.", tool, limits.output_bytes),
                    "output limit");
    case SandboxEnd::out_of_memory:
      return failed(fmt::format("The tool {} was stopped: it used too much memory.", tool), "out of memory");
    default: return failed(fmt::format("The tool {} was stopped.", tool), "stopped");
  }
}

}  // namespace

Conversation::Conversation(std::string id, const SandboxLimits& limits, CallObserver observer)
    : id_(std::move(id)),
      limits_(limits),
      observer_(std::move(observer)),
      decoder_(static_cast<std::size_t>(limits.output_bytes)) {}

Task<Outcome> Conversation::hold(SandboxProcess& process, std::string tool, std::stop_token stop) {
  SandboxIo io;
  io.on_output = [this](std::string_view bytes) { on_output(bytes); };
  if (observer_.output) io.on_error_output = observer_.output;
  const auto end = [this] { enough_.request_stop(); };
  const std::stop_callback on_stop(stop, end);
  auto run = co_await process.wait(std::move(io), enough_.get_token());
  if (!last_ && !broken_) {
    const Status rest = decoder_.finish([this](ProgramMessage message) { return on_message(std::move(message)); });
    if (!rest) broken_ = rest.error();
  }
  const std::int64_t cpu_ms = run ? run->cpu.count() : 0;
  Outcome outcome = conclude(tool, std::move(run), stop.stop_requested());
  outcome.used.cpu_ms = cpu_ms;
  co_return outcome;
}

void Conversation::on_output(std::string_view bytes) {
  if (last_ || broken_) return;
  const Status taken = decoder_.feed(bytes, [this](ProgramMessage message) { return on_message(std::move(message)); });
  if (!taken) broken_ = taken.error();
  if (last_ || broken_) enough_.request_stop();
}

bool Conversation::on_message(ProgramMessage message) {
  if (message.id != id_) return true;
  switch (message.type) {
    case Type::output:
      if (observer_.output) observer_.output(message.text);
      return true;
    case Type::progress:
      if (observer_.progress) observer_.progress(message.fraction, message.text);
      return true;
    case Type::result:
    case Type::error: last_ = std::move(message); return false;
    default: return true;
  }
}

Outcome Conversation::conclude(const std::string& tool, Result<SandboxRun> run, bool stopped) {
  // Its last word counts, whatever happened to it afterwards.
  if (last_ && last_->type == Type::result) return checked_answer(std::move(last_->value_json));
  if (last_) {
    if (last_->text.size() > kMaxMessage) last_->text = to_valid_utf8(last_->text.substr(0, kMaxMessage));
    if (last_->text.empty()) last_->text = fmt::format("The tool {} failed and did not say why.", tool);
    return failed(last_->text, "tool reported an error");
  }
  if (stopped) return {ToolStatus::interrupted, {}, "cancelled"};
  if (broken_) {
    return failed(
        fmt::format("The tool {} was stopped: what it wrote is not the tool protocol ({}).", tool, broken_->message),
        "broken protocol");
  }
  if (!run) return failed(run.error().message, run.error().message);
  if (run->end == SandboxEnd::signalled) {
    return failed(with_reason(fmt::format("The tool {} crashed (signal {})", tool, run->exit_code), run->error_output),
                  "crashed");
  }
  if (run->end != SandboxEnd::exited) return explain_limit(tool, run->end, limits_);
  return failed(with_reason(fmt::format("The tool {} ended without an answer (code {})", tool, run->exit_code),
                            run->error_output),
                "no answer");
}

}  // namespace librebird::hands
