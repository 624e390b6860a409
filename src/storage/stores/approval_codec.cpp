#include "approval_codec.hpp"

#include "codec.hpp"

#include <boost/json.hpp>

namespace librebird::storage {
namespace {

namespace json = boost::json;

Error damaged() {
  return make_error(Code::data_loss, "A stored approval cannot be read: restore the database from a backup.");
}

bool flag_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->as_bool();
}

std::string text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(std::string_view(value->as_string())) : std::string();
}

Result<ToolUse> decode_use(std::string_view text) {
  boost::system::error_code failure;
  const json::value value = json::parse(text, failure);
  if (failure || !value.is_object()) return damaged();
  const json::object& object = value.as_object();
  ToolUse use;
  use.writes = flag_at(object, "writes");
  use.spends = flag_at(object, "spends");
  use.network = flag_at(object, "network");
  use.device = flag_at(object, "device");
  if (const json::value* hosts = object.if_contains("hosts"); hosts != nullptr && hosts->is_array()) {
    for (const json::value& host : hosts->as_array()) {
      if (!host.is_string()) return damaged();
      use.hosts.emplace_back(std::string_view(host.as_string()));
    }
  }
  use.program = text_at(object, "program");
  use.only_once = text_at(object, "only_once");
  return use;
}

}  // namespace

std::string encode_use(const ToolUse& use) {
  json::array hosts;
  for (const std::string& host : use.hosts) hosts.emplace_back(clean_text(host));
  return json::serialize(json::object{{"writes", use.writes},
                                      {"spends", use.spends},
                                      {"network", use.network},
                                      {"device", use.device},
                                      {"hosts", std::move(hosts)},
                                      {"program", clean_text(use.program)},
                                      {"only_once", clean_text(use.only_once)}});
}

Result<Approval> approval_row(const Row& row) {
  Approval approval;
  approval.id = row.string(0);
  const auto role = role_from_string(row.text(3));
  const auto state = approval_state_from_string(row.text(13));
  if (!role || !state) return damaged();
  approval.principal = Principal{row.string(2), row.string(1), *role, row.string(4)};
  approval.conversation_id = row.string(5);
  approval.turn_id = row.string(6);
  approval.skill = row.string(8);
  approval.call = ToolCall{row.string(7), row.string(9), row.string(10)};
  LB_TRY(use, decode_use(row.text(11)));
  approval.use = std::move(use);
  approval.reason = row.string(12);
  approval.state = *state;
  if (!row.is_null(14)) {
    approval.decision = approval_decision_from_string(row.text(14));
    if (!approval.decision) return damaged();
  }
  approval.decided_by = row.string(15);
  approval.created_at = row.integer(16);
  approval.expires_at = row.integer(17);
  approval.decided_at = row.optional_integer(18);
  return approval;
}

Grant grant_row(const Row& row) {
  return {row.string(0), row.string(1), row.string(2), row.string(3),
          row.string(4), row.string(5), row.string(6), row.integer(7)};
}

}  // namespace librebird::storage
