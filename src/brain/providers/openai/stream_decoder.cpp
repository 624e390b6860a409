#include "stream_decoder.hpp"

#include "failure.hpp"
#include "surrogates.hpp"

#include <librebird/base/utf8.hpp>

#include <fmt/format.h>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>

#include <array>
#include <optional>

namespace librebird::brain::openai {
namespace {

namespace json = boost::json;

Error broken(std::string message) { return {Code::unavailable, "openai: " + std::move(message), true, Millis{0}}; }

Error oversized(std::string_view what, std::size_t limit) {
  return {Code::too_large, fmt::format("openai: the model's answer was stopped: {} passed {} bytes.", what, limit),
          false, Millis{0}};
}

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

const json::value* find(const json::object& object, json::string_view name) { return object.if_contains(name); }

std::string_view text_in(const json::object& object, json::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? view(value->get_string()) : std::string_view();
}

std::optional<std::int64_t> integer_in(const json::object& object, json::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = value->if_int64()) return *number;
  return std::nullopt;
}

FinishReason finish_reason_of(std::string_view name) {
  if (name == "function_call") return FinishReason::tool_calls;
  return finish_reason_from_string(name).value_or(FinishReason::stop);
}

bool blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace

class StreamDecoder::Impl {
 public:
  Impl(TextSink on_text, std::string_view key, DecoderLimits limits)
      : sink_(std::move(on_text)),
        key_(key),
        limits_(limits),
        sse_(limits.event),
        parser_(json::storage_ptr(), options()) {}

  Status feed(std::string_view bytes);
  Result<ModelAnswer> finish();
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] bool complete() const { return done_ || has_reason_; }

 private:
  enum class Form { unknown, events, object };
  struct Call {
    std::int64_t index;
    ToolCall call;
  };

  static json::parse_options options() {
    json::parse_options options;
    options.allow_invalid_utf8 = true;  // mended piece by piece below
    options.max_depth = 64;
    return options;
  }

  Status sniff(std::string_view& bytes);
  Status take_event(std::string_view data);
  Status take_object(const json::object& chunk);
  Status take_choice(const json::object& choice);
  Status take_message(const json::object& message);
  Status take_content(const json::value& content);
  Status take_text(std::string_view text);
  Status take_calls(const json::array& calls);
  Status take_call(const json::object& delta, std::int64_t position);
  Result<Call*> call_for(std::int64_t index, std::string_view id, std::string_view name);
  Status append_arguments(Call& call, std::string_view fragment);
  void take_usage(const json::object& usage);
  Result<json::value> parse(std::string_view text);

  TextSink sink_;
  std::string key_;
  DecoderLimits limits_;
  Form form_ = Form::unknown;
  net::SseParser sse_;
  std::string object_;  // a JSON answer, until it is whole
  std::array<unsigned char, 4096> buffer_;
  std::optional<json::monotonic_resource> memory_;
  json::parser parser_;
  ModelAnswer answer_;
  std::vector<Call> calls_;
  std::size_t arguments_size_ = 0;
  std::string half_;  // of a character whose other half comes with the next text
  bool seen_chunk_ = false;
  bool has_reason_ = false;
  bool done_ = false;
};

// A chunk lives only while it is looked at, in memory that is used again for the next one.
Result<json::value> StreamDecoder::Impl::parse(std::string_view text) {
  json::error_code failure;
  const auto attempt = [&](std::string_view json) {
    parser_.reset();
    // Made anew: one that is only released doubles its next block each time it needed one, without end.
    memory_.emplace(buffer_.data(), buffer_.size());
    parser_.reset(&*memory_);
    parser_.write(json.data(), json.size(), failure);
  };
  attempt(text);
  if (failure && text.find("\\u") != std::string_view::npos) attempt(with_raw_halves(text));
  if (failure) return broken("the model server sent something that is not JSON; ask again.");
  return parser_.release();
}

Status StreamDecoder::Impl::sniff(std::string_view& bytes) {
  while (!bytes.empty() && blank(bytes.front())) bytes.remove_prefix(1);
  if (!bytes.empty()) form_ = bytes.front() == '{' ? Form::object : Form::events;
  return Ok{};
}

Status StreamDecoder::Impl::feed(std::string_view bytes) {
  if (done_) return Ok{};
  if (form_ == Form::unknown) LB_CHECK(sniff(bytes));
  if (form_ == Form::object) {
    if (object_.size() + bytes.size() > limits_.event) return oversized("its body", limits_.event);
    object_ += bytes;
    return Ok{};
  }
  auto events = sse_.feed(bytes);
  if (!events) return oversized("one event", limits_.event);
  for (const net::SseEvent& event : *events) {
    LB_CHECK(take_event(event.data));
    if (done_) break;
  }
  return Ok{};
}

Status StreamDecoder::Impl::take_event(std::string_view data) {
  while (!data.empty() && blank(data.front())) data.remove_prefix(1);
  if (data.starts_with("[DONE]")) {
    done_ = true;
    return Ok{};
  }
  if (!data.starts_with('{')) return Ok{};  // keep-alives of proxies
  LB_TRY(value, parse(data));
  return take_object(value.get_object());
}

Status StreamDecoder::Impl::take_object(const json::object& chunk) {
  if (const json::value* error = find(chunk, "error"); error != nullptr && !error->is_null()) {
    return stream_error(read_complaint(json::serialize(chunk)), key_);
  }
  if (const json::value* usage = find(chunk, "usage"); usage != nullptr && usage->is_object()) {
    take_usage(usage->get_object());
  }
  const json::value* choices = find(chunk, "choices");
  if (choices == nullptr || !choices->is_array()) return Ok{};
  seen_chunk_ = true;
  for (const json::value& choice : choices->get_array()) {
    if (!choice.is_object()) continue;
    if (integer_in(choice.get_object(), "index").value_or(0) != 0) continue;
    return take_choice(choice.get_object());
  }
  return Ok{};
}

Status StreamDecoder::Impl::take_choice(const json::object& choice) {
  const json::value* message = find(choice, "delta");
  if (message == nullptr || !message->is_object()) message = find(choice, "message");
  if (message != nullptr && message->is_object()) LB_CHECK(take_message(message->get_object()));
  const std::string_view reason = text_in(choice, "finish_reason");
  if (!reason.empty()) {
    answer_.finish_reason = finish_reason_of(reason);
    has_reason_ = true;
  }
  return Ok{};
}

Status StreamDecoder::Impl::take_message(const json::object& message) {
  if (const json::value* content = find(message, "content")) LB_CHECK(take_content(*content));
  LB_CHECK(take_text(text_in(message, "refusal")));
  const json::value* calls = find(message, "tool_calls");
  if (calls != nullptr && calls->is_array()) return take_calls(calls->get_array());
  return Ok{};
}

Status StreamDecoder::Impl::take_content(const json::value& content) {
  if (const auto* text = content.if_string()) return take_text(view(*text));
  if (const auto* parts = content.if_array()) {
    for (const json::value& part : *parts) {
      if (part.is_object()) LB_CHECK(take_text(text_in(part.get_object(), "text")));
    }
  }
  return Ok{};
}

Status StreamDecoder::Impl::take_text(std::string_view text) {
  if (text.empty()) return Ok{};
  std::string mended;
  if (!half_.empty() || !is_utf8(text)) {
    mended = join_halves(half_.append(text));
    half_.clear();
    if (ends_with_half(mended)) {
      half_ = mended.substr(mended.size() - 3);
      mended.resize(mended.size() - 3);
    }
    text = mended = to_valid_utf8(mended);
    if (text.empty()) return Ok{};
  }
  if (answer_.text.size() + text.size() > limits_.text) return oversized("its text", limits_.text);
  answer_.text += text;
  if (sink_) sink_(text);
  return Ok{};
}

Status StreamDecoder::Impl::take_calls(const json::array& calls) {
  std::int64_t position = 0;
  for (const json::value& call : calls) {
    if (call.is_object()) LB_CHECK(take_call(call.get_object(), position));
    ++position;
  }
  return Ok{};
}

// The call a delta belongs to. Some servers give every call index 0 and tell them apart by id, or only by name.
Result<StreamDecoder::Impl::Call*> StreamDecoder::Impl::call_for(std::int64_t index, std::string_view id,
                                                                 std::string_view name) {
  for (auto call = calls_.rbegin(); call != calls_.rend(); ++call) {
    if (call->index != index) continue;
    const bool other_id = !id.empty() && !call->call.id.empty() && call->call.id != id;
    const bool other_name = id.empty() && !name.empty() && !call->call.name.empty() && call->call.name != name;
    if (other_id || other_name) break;
    return &*call;
  }
  if (calls_.size() >= limits_.calls) {
    return Error{Code::too_large, fmt::format("openai: the model made more than {} tool calls at once.", limits_.calls),
                 false, Millis{0}};
  }
  calls_.push_back({index, {}});
  return &calls_.back();
}

Status StreamDecoder::Impl::take_call(const json::object& delta, std::int64_t position) {
  const json::value* function = find(delta, "function");
  const json::object* named = function != nullptr ? function->if_object() : nullptr;
  const std::string_view id = text_in(delta, "id");
  const std::string_view name = named != nullptr ? text_in(*named, "name") : std::string_view();
  LB_TRY(call, call_for(integer_in(delta, "index").value_or(position), id, name));
  if (id.size() + name.size() > 1024) return oversized("a tool call's name", 1024);
  if (call->call.id.empty()) call->call.id = to_valid_utf8(id);
  if (call->call.name.empty()) call->call.name = to_valid_utf8(name);
  const json::value* arguments = named != nullptr ? find(*named, "arguments") : nullptr;
  if (arguments == nullptr) return Ok{};
  if (const auto* fragment = arguments->if_string()) return append_arguments(*call, view(*fragment));
  if (arguments->is_object()) return append_arguments(*call, json::serialize(*arguments));
  return Ok{};
}

Status StreamDecoder::Impl::append_arguments(Call& call, std::string_view fragment) {
  arguments_size_ += fragment.size();
  if (arguments_size_ > limits_.arguments) return oversized("its tool arguments", limits_.arguments);
  call.call.arguments_json += fragment;
  return Ok{};
}

void StreamDecoder::Impl::take_usage(const json::object& usage) {
  answer_.usage.prompt_tokens = std::max<std::int64_t>(0, integer_in(usage, "prompt_tokens").value_or(0));
  answer_.usage.completion_tokens = std::max<std::int64_t>(0, integer_in(usage, "completion_tokens").value_or(0));
}

Result<ModelAnswer> StreamDecoder::Impl::finish() {
  if (form_ == Form::object) {
    LB_TRY(value, parse(object_));
    if (!value.is_object()) return broken("the model server sent something that is not a JSON object.");
    LB_CHECK(take_object(value.get_object()));
    done_ = seen_chunk_;
  }
  if (!seen_chunk_ && !done_) {
    return broken("the model server answered with something that is not a chat completion; check OPENAI_BASE_URL.");
  }
  if (!complete()) return broken("the model server's answer broke off before its end.");
  if (!half_.empty()) {
    half_.clear();
    LB_CHECK(take_text("\xEF\xBF\xBD"));
  }
  for (Call& call : calls_) {
    std::string& arguments = call.call.arguments_json;
    if (!is_utf8(arguments)) arguments = to_valid_utf8(join_halves(arguments));
    answer_.tool_calls.push_back(std::move(call.call));
  }
  calls_.clear();
  if (!answer_.tool_calls.empty() && answer_.finish_reason == FinishReason::stop) {
    answer_.finish_reason = FinishReason::tool_calls;
  }
  return std::move(answer_);
}

StreamDecoder::StreamDecoder(TextSink on_text, std::string_view key, DecoderLimits limits)
    : impl_(std::make_unique<Impl>(std::move(on_text), key, limits)) {}
StreamDecoder::~StreamDecoder() = default;
Status StreamDecoder::feed(std::string_view bytes) { return impl_->feed(bytes); }
bool StreamDecoder::done() const { return impl_->done(); }
bool StreamDecoder::complete() const { return impl_->complete(); }
Result<ModelAnswer> StreamDecoder::finish() { return impl_->finish(); }

}  // namespace librebird::brain::openai
