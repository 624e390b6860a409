#include <librebird/gateway/body.hpp>

#include <librebird/base/json_value.hpp>
#include <librebird/base/utf8.hpp>

#include <fmt/format.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <set>

namespace librebird::gateway {
namespace {

Error wrong(std::string_view key, std::string_view expected) {
  return make_error(Code::invalid_argument, fmt::format("`{}` must be {}.", key, expected));
}

}  // namespace

struct Body::State {
  boost::json::object object;
  std::set<std::string, std::less<>> seen;
  std::string path;  // of this object, for messages: "cursor."

  // Null for an absent key and for JSON null: both mean "not given".
  const boost::json::value* take(std::string_view key) {
    seen.emplace(key);
    const auto* found = object.if_contains(key);
    return found == nullptr || found->is_null() ? nullptr : found;
  }
};

Body::Body(std::unique_ptr<State> state) : state_(std::move(state)) {}
Body::Body(Body&&) noexcept = default;
Body& Body::operator=(Body&&) noexcept = default;
Body::~Body() = default;

Result<Body> Body::parse(std::string_view text) {
  auto state = std::make_unique<State>();
  if (text.empty()) return Body(std::move(state));
  if (!is_utf8(text)) return make_error(Code::invalid_argument, "The body is not valid UTF-8; send JSON in UTF-8.");
  boost::system::error_code failure;
  boost::json::parse_options options;
  options.max_depth = 32;
  boost::json::value value = boost::json::parse(text, failure, {}, options);
  if (failure) {
    return make_error(Code::invalid_argument,
                      fmt::format("The body is not valid JSON ({}); send one JSON object.", failure.message()));
  }
  if (!value.is_object()) return make_error(Code::invalid_argument, "The body must be one JSON object.");
  state->object = std::move(value.get_object());
  return Body(std::move(state));
}

Result<std::optional<std::string>> Body::optional_text(std::string_view key, std::size_t limit) {
  const auto* value = state_->take(key);
  if (value == nullptr) return std::optional<std::string>();
  const auto* text = value->if_string();
  if (text == nullptr) return wrong(state_->path + std::string(key), "a string");
  if (text->size() > limit) {
    return make_error(Code::too_large, fmt::format("`{}{}` is {} bytes long; at most {} are taken.", state_->path, key,
                                                   text->size(), limit));
  }
  const std::string_view view(text->data(), text->size());
  if (view.find('\0') != std::string_view::npos || !is_utf8(view)) {
    return wrong(state_->path + std::string(key), "text without NUL characters or lone surrogates");
  }
  return std::optional<std::string>(view);
}

Result<std::string> Body::text(std::string_view key, std::size_t limit) {
  LB_TRY(value, optional_text(key, limit));
  if (!value || value->empty()) return wrong(state_->path + std::string(key), "given and not empty");
  return std::move(*value);
}

Result<std::optional<bool>> Body::optional_flag(std::string_view key) {
  const auto* value = state_->take(key);
  if (value == nullptr) return std::optional<bool>();
  const auto* flag = value->if_bool();
  if (flag == nullptr) return wrong(state_->path + std::string(key), "true or false");
  return std::optional<bool>(*flag);
}

Result<std::optional<std::int64_t>> Body::optional_integer(std::string_view key, std::int64_t least,
                                                           std::int64_t most) {
  const auto* value = state_->take(key);
  if (value == nullptr) return std::optional<std::int64_t>();
  boost::system::error_code failure;
  const auto number = value->to_number<std::int64_t>(failure);
  if (failure || number < least || number > most) {
    return wrong(state_->path + std::string(key), fmt::format("a whole number from {} to {}", least, most));
  }
  return std::optional<std::int64_t>(number);
}

Result<std::optional<double>> Body::optional_number(std::string_view key, double least, double most) {
  const auto* value = state_->take(key);
  if (value == nullptr) return std::optional<double>();
  boost::system::error_code failure;
  const auto number = value->is_number() ? value->to_number<double>(failure) : 0.0;
  if (!value->is_number() || failure || number < least || number > most) {
    return wrong(state_->path + std::string(key), fmt::format("a number from {} to {}", least, most));
  }
  return std::optional<double>(number);
}

Result<std::vector<std::string>> Body::texts(std::string_view key, std::size_t count, std::size_t limit) {
  std::vector<std::string> out;
  const auto* value = state_->take(key);
  if (value == nullptr) return out;
  const std::string expected = fmt::format("an array of at most {} strings of 1 to {} bytes", count, limit);
  const auto* list = value->if_array();
  if (list == nullptr || list->size() > count) return wrong(state_->path + std::string(key), expected);
  for (const auto& item : *list) {
    const auto* text = item.if_string();
    const std::string_view view = text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
    if (view.empty() || view.size() > limit || view.find('\0') != std::string_view::npos || !is_utf8(view)) {
      return wrong(state_->path + std::string(key), expected);
    }
    out.emplace_back(view);
  }
  return out;
}

Result<std::optional<Body>> Body::optional_object(std::string_view key) {
  const auto* value = state_->take(key);
  if (value == nullptr) return std::optional<Body>();
  const auto* object = value->if_object();
  if (object == nullptr) return wrong(state_->path + std::string(key), "an object");
  auto state = std::make_unique<State>();
  state->object = *object;
  state->path = state_->path + std::string(key) + ".";
  return std::optional<Body>(Body(std::move(state)));
}

Result<std::vector<Body>> Body::objects(std::string_view key, std::size_t count) {
  std::vector<Body> out;
  const auto* value = state_->take(key);
  if (value == nullptr) return out;
  const std::string expected = fmt::format("an array of at most {} objects", count);
  const auto* list = value->if_array();
  if (list == nullptr || list->size() > count) return wrong(state_->path + std::string(key), expected);
  for (const auto& item : *list) {
    const auto* object = item.if_object();
    if (object == nullptr) return wrong(state_->path + std::string(key), expected);
    auto state = std::make_unique<State>();
    state->object = *object;
    state->path = fmt::format("{}{}[{}].", state_->path, key, out.size());
    out.push_back(Body(std::move(state)));
  }
  return out;
}

Result<std::optional<std::string>> Body::optional_json(std::string_view key) {
  const auto* value = state_->take(key);
  if (value == nullptr) return std::optional<std::string>();
  if (!has_finite_numbers(*value)) {
    return wrong(state_->path + std::string(key), "JSON with numbers within the range of a double");
  }
  return std::optional<std::string>(boost::json::serialize(*value));
}

bool Body::has(std::string_view key) const { return state_->object.contains(key); }

Status Body::done() const {
  for (const auto& member : state_->object) {
    if (!state_->seen.contains(std::string_view(member.key()))) {
      return make_error(Code::invalid_argument,
                        fmt::format("Unknown key `{}{}`; remove it (see /api/openapi.json).", state_->path,
                                    utf8_prefix(std::string_view(member.key()), 80)));
    }
  }
  return Ok{};
}

}  // namespace librebird::gateway
