#include <librebird/gateway/live_turn.hpp>

#include <librebird/gateway/views.hpp>

namespace librebird::gateway {
namespace {
// A reconnecting client that missed more than this gets a snapshot instead.
constexpr std::size_t kKeptEvents = 2048;
constexpr std::size_t kKeptBytes = 512 * 1024;
}  // namespace

std::string conversation_topic(const std::string& conversation_id) { return "conversation:" + conversation_id; }

LiveTurn::LiveTurn(Loop& loop, EventBus& bus, TurnStore& store, std::string owner, const LeasedTurn& leased)
    : loop_(loop),
      bus_(bus),
      store_(store),
      owner_(std::move(owner)),
      topic_(conversation_topic(leased.turn.conversation_id)),
      turn_(leased.turn) {}

void LiveTurn::begin(const LeasedTurn& leased) {
  turn_ = leased.turn;
  parts_ = parts_of(leased.journal);
  questions_.clear();
  model_.reset();
  meter_.begin(leased.history, leased.journal);
  pending_.clear();
  kept_.clear();
  kept_bytes_ = 0;
  seq_ = 0;
  first_kept_ = 1;
  JsonWriter json = event("turn.started", seq_ + 1);
  json.key("turn");
  write(json, turn_);
  emit(std::move(json));
  // Those who watched the attempt before need to know what of it stands.
  if (!parts_.empty()) {
    ++seq_;
    keep(snapshot());
  }
}

void LiveTurn::on_text(std::string_view text) {
  if (text.empty() || finished_) return;
  meter_.on_text(text.size());
  pending_ += text;
  if (flush_posted_) return;
  flush_posted_ = true;
  loop_.post([self = shared_from_this()] {
    self->flush_posted_ = false;
    self->flush();
  });
}

void LiveTurn::flush() {
  if (pending_.empty() || finished_) return;
  if (parts_.empty() || !std::holds_alternative<TextPart>(parts_.back())) parts_.emplace_back(TextPart{});
  std::get<TextPart>(parts_.back()).text += pending_;
  JsonWriter json = event("turn.delta", seq_ + 1);
  json.field("text", pending_);
  pending_.clear();
  emit(std::move(json));
}

void LiveTurn::on_tool_call(const ToolCall& call) {
  flush();
  parts_.emplace_back(ToolCallPart{call, std::nullopt});
  JsonWriter json = event("turn.tool_call", seq_ + 1);
  json.key("call");
  write(json, call, nullptr);
  emit(std::move(json));
}

void LiveTurn::on_tool_result(const ToolResult& result) {
  flush();
  for (MessagePart& part : parts_) {
    auto* call = std::get_if<ToolCallPart>(&part);
    if (call == nullptr || call->call.id != result.call_id) continue;
    call->result = result;
    JsonWriter json = event("turn.tool_result", seq_ + 1);
    json.key("call");
    write(json, call->call, &result);
    emit(std::move(json));
    return;
  }
}

void LiveTurn::on_approval(const Approval& approval) {
  flush();
  std::erase_if(questions_, [&](const Approval& known) { return known.id == approval.id; });
  if (approval.state == ApprovalState::open) questions_.push_back(approval);
  JsonWriter json = event("tool.approval", seq_ + 1);
  json.key("approval");
  write(json, approval);
  emit(std::move(json));
}

void LiveTurn::on_tool_progress(const ToolProgress& progress) {
  flush();
  JsonWriter json = event("tool.progress", seq_ + 1);
  json.key("progress");
  write(json, progress);
  emit(std::move(json));
}

Task<Status> LiveTurn::journal(TurnStep step) {
  if (const auto* answer = std::get_if<ModelAnswer>(&step.what)) {
    model_ = answer->model;
    meter_.on_answer(*answer);
  }
  Status stored = co_await store_.append_step(turn_.id, owner_, std::move(step));
  if (!stored && stored.error().code == Code::failed_precondition) lease_lost_ = true;
  co_return stored;
}

std::vector<MessagePart> LiveTurn::parts_at_end() const {
  std::vector<MessagePart> parts = parts_;
  if (!pending_.empty()) {
    if (parts.empty() || !std::holds_alternative<TextPart>(parts.back())) parts.emplace_back(TextPart{});
    std::get<TextPart>(parts.back()).text += pending_;
  }
  for (MessagePart& part : parts) {
    auto* call = std::get_if<ToolCallPart>(&part);
    if (call != nullptr && !call->result) {
      call->result =
          ToolResult{call->call.id, ToolStatus::interrupted,
                     R"({"error":"The call was interrupted; whether it took effect is unknown."})", Millis(0)};
    }
  }
  return parts;
}

void LiveTurn::finish(const Turn& turn, const std::optional<Message>& message) {
  flush();
  turn_ = turn;
  questions_.clear();
  JsonWriter json = event("turn.finished", seq_ + 1);
  json.key("turn");
  write(json, turn);
  json.key("message");
  if (message) {
    write(json, *message);
  } else {
    json.null();
  }
  emit(std::move(json));
  finished_ = true;
}

std::vector<EventBus::Payload> LiveTurn::missing(int attempt, std::uint64_t seq) {
  flush();
  if (attempt != turn_.attempt || seq > seq_ || seq + 1 < first_kept_) {
    // The end brings the whole answer.
    return {finished_ ? kept_.back() : snapshot()};
  }
  return {kept_.begin() + static_cast<std::ptrdiff_t>(seq + 1 - first_kept_), kept_.end()};
}

EventBus::Payload LiveTurn::snapshot() {
  flush();
  JsonWriter json = event("turn.snapshot", seq_);
  json.key("turn");
  write(json, turn_);
  json.key("parts");
  write(json, parts_);
  json.key("approvals").begin_array();
  for (const Approval& question : questions_) write(json, question);
  json.end_array().end_object();
  return std::make_shared<const std::string>(std::move(json).take());
}

JsonWriter LiveTurn::event(std::string_view type, std::uint64_t seq) const {
  JsonWriter json;
  json.begin_object()
      .field("type", type)
      .field("conversation_id", turn_.conversation_id)
      .field("turn_id", turn_.id)
      .field("attempt", turn_.attempt)
      .field("seq", seq);
  return json;
}

void LiveTurn::emit(JsonWriter json) {
  json.end_object();
  ++seq_;
  keep(std::make_shared<const std::string>(std::move(json).take()));
}

// Also says it.
void LiveTurn::keep(EventBus::Payload payload) {
  kept_.push_back(std::move(payload));
  kept_bytes_ += kept_.back()->size();
  while (kept_.size() > 1 && (kept_.size() > kKeptEvents || kept_bytes_ > kKeptBytes)) {
    kept_bytes_ -= kept_.front()->size();
    kept_.pop_front();
    ++first_kept_;
  }
  bus_.publish(topic_, kept_.back());
}

}  // namespace librebird::gateway
