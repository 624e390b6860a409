#include <librebird/hands/arguments/arguments.hpp>

#include <librebird/base/json_value.hpp>
#include <librebird/base/utf8.hpp>

#include <boost/json.hpp>

// Without it the library ends the process over a schema it does not like.
#define VALIJSON_USE_EXCEPTIONS 1
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace librebird::hands {
namespace json = boost::json;
namespace {

const json::object* property_of(const json::value& schema, std::string_view name) {
  if (!schema.is_object()) return nullptr;
  const json::value* properties = schema.as_object().if_contains("properties");
  if (properties == nullptr || !properties->is_object()) return nullptr;
  const json::value* property = properties->as_object().if_contains(name);
  return property != nullptr ? property->if_object() : nullptr;
}

std::string_view type_of(const json::object& property) {
  const json::value* type = property.if_contains("type");
  return type != nullptr && type->is_string() ? std::string_view(type->as_string()) : std::string_view();
}

// "17", " 2.5 " and "true" become what they spell; anything else stays and is refused by the schema.
void coerce_text(json::value& value, std::string_view wanted) {
  std::string_view text = value.as_string();
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  const char* end = text.data() + text.size();
  if (wanted == "integer" || wanted == "number") {
    std::int64_t whole = 0;
    if (const auto parsed = std::from_chars(text.data(), end, whole); parsed.ec == std::errc{} && parsed.ptr == end) {
      value = whole;
      return;
    }
    double real = 0;
    const auto parsed = std::from_chars(text.data(), end, real);
    if (wanted == "number" && parsed.ec == std::errc{} && parsed.ptr == end && std::isfinite(real)) value = real;
  } else if (wanted == "boolean") {
    if (text == "true" || text == "True") value = true;
    if (text == "false" || text == "False") value = false;
  }
}

void coerce(json::value& value, std::string_view wanted) {
  if (value.is_string()) {
    coerce_text(value, wanted);
  } else if (wanted == "string" && (value.is_number() || value.is_bool())) {
    value = json::string(json::serialize(value));
  } else if (wanted == "integer" && value.is_double()) {
    const double real = value.as_double();  // 5.0 is a whole number
    if (real == std::floor(real) && std::abs(real) < 9e15) value = static_cast<std::int64_t>(real);
  }
}

std::string expectation(const json::object& property) {
  if (const json::value* choices = property.if_contains("enum")) return "one of " + json::serialize(*choices);
  const std::string_view type = type_of(property);
  if (type == "string") return "text";
  if (type == "integer") return "a whole number";
  if (type == "boolean") return "true or false";
  if (type == "array") return "a list";
  return type.empty() ? "another value" : fmt::format("a {}", type);
}

std::string kind_of(const json::value& value) {
  if (value.is_null()) return "null";
  if (value.is_bool()) return "a boolean";
  if (value.is_number()) return "a number";
  if (value.is_string()) return "text";
  return value.is_array() ? "a list" : "an object";
}

}  // namespace

struct ArgumentChecker::Impl {
  json::value schema_json;
  valijson::Schema schema;

  [[nodiscard]] Error explain(const json::object& arguments, const valijson::ValidationResults& results) const;
};

Error ArgumentChecker::Impl::explain(const json::object& arguments, const valijson::ValidationResults& results) const {
  const json::value* required = schema_json.as_object().if_contains("required");
  if (required != nullptr && required->is_array()) {
    for (const json::value& name : required->as_array()) {
      if (!name.is_string() || arguments.contains(name.as_string())) continue;
      const json::object* property = property_of(schema_json, name.as_string());
      return make_error(Code::invalid_argument, fmt::format("The argument \"{}\" is missing; it must be {}.",
                                                            std::string_view(name.as_string()),
                                                            property != nullptr ? expectation(*property) : "given"));
    }
  }
  for (const valijson::ValidationResults::Error& found : results) {
    // The context is "<root>", "[name]", "[deeper]", ...
    if (found.context.size() < 2) continue;
    std::string name = found.context[1];
    if (name.size() > 2 && name.front() == '[') name = name.substr(1, name.size() - 2);
    const json::object* property = property_of(schema_json, name);
    const json::value* value = arguments.if_contains(name);
    if (property == nullptr || value == nullptr || found.context.size() > 2) {
      return make_error(Code::invalid_argument,
                        fmt::format("The argument \"{}\" does not fit: {}", name, to_valid_utf8(found.description)));
    }
    const std::string expected = expectation(*property);
    const bool choice = property->contains("enum") && value->is_string();
    return make_error(Code::invalid_argument,
                      fmt::format("The argument \"{}\" must be {}, not {}.", name, expected,
                                  choice ? json::serialize(*value).substr(0, 80) : kind_of(*value)));
  }
  const std::string first = results.begin() != results.end() ? results.begin()->description : std::string("unknown");
  return make_error(Code::invalid_argument, "The arguments do not fit the tool's schema: " + to_valid_utf8(first));
}

ArgumentChecker::ArgumentChecker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ArgumentChecker::ArgumentChecker(ArgumentChecker&&) noexcept = default;
ArgumentChecker& ArgumentChecker::operator=(ArgumentChecker&&) noexcept = default;
ArgumentChecker::~ArgumentChecker() = default;

Result<ArgumentChecker> ArgumentChecker::create(const std::string& schema_json) {
  auto impl = std::make_unique<Impl>();
  boost::system::error_code error;
  impl->schema_json = json::parse(schema_json, error);
  if (error || !impl->schema_json.is_object()) {
    return make_error(Code::invalid_argument, "A tool's parameters must be a JSON Schema object.");
  }
  try {
    valijson::SchemaParser parser;
    const valijson::adapters::BoostJsonAdapter adapter(impl->schema_json);
    parser.populateSchema(adapter, impl->schema);
  } catch (const std::exception& thrown) {
    return make_error(Code::invalid_argument,
                      fmt::format("A tool's parameters are no valid JSON Schema: {}", thrown.what()));
  }
  return ArgumentChecker(std::move(impl));
}

Result<std::string> ArgumentChecker::check(std::string_view arguments) const {
  if (arguments.size() > kMaxArgumentBytes) {
    return make_error(Code::too_large, fmt::format("The arguments are {} bytes long; at most {} are allowed.",
                                                   arguments.size(), kMaxArgumentBytes));
  }
  if (arguments.find_first_not_of(" \t\r\n") == std::string_view::npos) arguments = "{}";
  if (!is_utf8(arguments)) return make_error(Code::invalid_argument, "The arguments are not valid UTF-8 text.");
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kMaxArgumentDepth;
  json::stream_parser parser({}, options);
  const std::size_t used = parser.write_some(arguments.data(), arguments.size(), error);
  if (!error && used < arguments.size() &&
      arguments.substr(used).find_first_not_of(" \t\r\n") != std::string_view::npos) {
    error = json::make_error_code(json::error::extra_data);
  }
  if (!error) parser.finish(error);
  if (error) {
    return make_error(Code::invalid_argument,
                      fmt::format("The arguments are not valid JSON (near byte {}: {}); write one JSON object.", used,
                                  error.message()));
  }
  json::value value = parser.release();
  if (!value.is_object()) {
    return make_error(Code::invalid_argument,
                      fmt::format("The arguments must be one JSON object, not {}.", kind_of(value)));
  }
  json::object& object = value.as_object();
  for (auto& [name, member] : object) {
    if (const json::object* property = property_of(impl_->schema_json, name)) coerce(member, type_of(*property));
  }
  // An optional argument that is null is an absent one.
  for (auto it = object.begin(); it != object.end();) {
    const json::object* property = property_of(impl_->schema_json, it->key());
    it = it->value().is_null() && property != nullptr && !type_of(*property).empty() ? object.erase(it) : std::next(it);
  }
  try {
    valijson::Validator validator;
    valijson::ValidationResults results;
    const valijson::adapters::BoostJsonAdapter adapter(value);
    if (!validator.validate(impl_->schema, adapter, &results)) return impl_->explain(object, results);
  } catch (const std::exception& thrown) {
    return make_error(Code::invalid_argument, fmt::format("The arguments cannot be checked: {}", thrown.what()));
  }
  if (!has_finite_numbers(value)) {
    return make_error(Code::invalid_argument, "The arguments hold a number that is out of range.");
  }
  return json::serialize(value);
}

}  // namespace librebird::hands
