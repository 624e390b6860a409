#include <librebird/gateway/views.hpp>

#include <librebird/base/json_value.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace librebird::gateway {
namespace {

void time_field(JsonWriter& json, std::string_view name, UnixMillis time) { json.field(name, to_rfc3339(time)); }

void time_field(JsonWriter& json, std::string_view name, const std::optional<UnixMillis>& time) {
  if (time) {
    time_field(json, name, *time);
  } else {
    json.key(name).null();
  }
}

void error_field(JsonWriter& json, const std::optional<TurnError>& error) {
  json.key("error");
  if (!error) {
    json.null();
    return;
  }
  json.begin_object().field("code", error->code).field("detail", error->detail).end_object();
}

// Text that should be JSON but came from a model or a tool: shown as a string when it is not.
void untrusted_json(JsonWriter& json, std::string_view text, bool must_be_object) {
  boost::system::error_code failure;
  boost::json::parse_options options;
  options.max_depth = 64;
  const boost::json::value value = boost::json::parse(text, failure, {}, options);
  if (failure || !has_finite_numbers(value)) {
    if (must_be_object) {
      json.begin_object().field("invalid_json", text).end_object();
    } else {
      json.value(text);
    }
    return;
  }
  const std::string again = boost::json::serialize(value);
  if (must_be_object && !value.is_object()) {
    json.begin_object().raw_field("value", again).end_object();
    return;
  }
  json.raw(again);
}

}  // namespace

void write(JsonWriter& json, const LimitUse& limit) {
  json.begin_object().field("of", limit.of).field("what", limit.what).field("used", limit.used);
  json.field("limit", limit.limit).field("raised_by", limit.raised_by).key("resets_at");
  if (limit.resets_at == 0) {
    json.null();
  } else {
    json.value(to_rfc3339(limit.resets_at));
  }
  json.end_object();
}

void write(JsonWriter& json, const Sharing& sharing) {
  json.begin_object().field("workspace", to_string(sharing.workspace)).key("people").begin_array();
  for (const Sharing::Person& person : sharing.people) {
    json.begin_object().field("user_id", person.user_id).field("access", to_string(person.access)).end_object();
  }
  json.end_array().end_object();
}

void write(JsonWriter& json, const Conversation& conversation) {
  json.begin_object()
      .field("id", conversation.id)
      .field("title", conversation.title)
      .field("archived", conversation.archived)
      .field("owner_id", conversation.user_id)
      .key("sharing");
  write(json, conversation.sharing);
  time_field(json, "created_at", conversation.created_at);
  time_field(json, "updated_at", conversation.updated_at);
  json.key("active_turn");
  if (conversation.active_turn_id && conversation.active_turn_status) {
    json.begin_object()
        .field("id", *conversation.active_turn_id)
        .field("status", to_string(*conversation.active_turn_status))
        .end_object();
  } else {
    json.null();
  }
  if (conversation.snippet) json.field("snippet", *conversation.snippet);
  json.end_object();
}

void write(JsonWriter& json, const ToolCall& call, const ToolResult* result) {
  json.begin_object().field("id", call.id).field("name", call.name).key("arguments");
  untrusted_json(json, call.arguments_json, true);
  json.field("status", result != nullptr ? to_string(result->status) : std::string_view("running"));
  json.key("result");
  if (result != nullptr) {
    untrusted_json(json, result->content_json, false);
    json.field("duration_ms", result->duration.count());
  } else {
    json.null().key("duration_ms").null();
  }
  json.end_object();
}

void write(JsonWriter& json, const std::vector<MessagePart>& parts) {
  json.begin_array();
  for (const MessagePart& part : parts) {
    json.begin_object();
    if (const auto* text = std::get_if<TextPart>(&part)) {
      json.field("type", "text").field("text", text->text);
    } else if (const auto* call = std::get_if<ToolCallPart>(&part)) {
      json.field("type", "tool_call").key("call");
      write(json, call->call, call->result ? &*call->result : nullptr);
    }
    json.end_object();
  }
  json.end_array();
}

void write(JsonWriter& json, const Message& message) {
  json.begin_object()
      .field("id", message.id)
      .field("conversation_id", message.conversation_id)
      .field("turn_id", message.turn_id)
      .field("user_id", message.user_id)
      .field("role", to_string(message.role))
      .field("content", message.content)
      .key("parts");
  if (message.role == MessageRole::user) {
    write(json, std::vector<MessagePart>{TextPart{message.content}});
  } else {
    write(json, message.parts);
  }
  json.field("status", to_string(message.status));
  error_field(json, message.error);
  json.key("model");
  if (message.model) {
    json.begin_object()
        .field("provider", message.model->provider)
        .field("name", message.model->name)
        .field("demo", message.model->demo)
        .end_object();
  } else {
    json.null();
  }
  json.field("client_message_id", message.client_message_id);
  time_field(json, "created_at", message.created_at);
  json.end_object();
}

void write(JsonWriter& json, const Turn& turn) {
  json.begin_object()
      .field("id", turn.id)
      .field("conversation_id", turn.conversation_id)
      .field("message_id", turn.message_id)
      .field("status", to_string(turn.status))
      .field("attempt", turn.attempt);
  error_field(json, turn.error);
  time_field(json, "created_at", turn.created_at);
  time_field(json, "started_at", turn.started_at);
  time_field(json, "finished_at", turn.finished_at);
  json.end_object();
}

void write(JsonWriter& json, const ToolSpec& tool) {
  json.begin_object()
      .field("name", tool.name)
      .field("skill", tool.skill)
      .field("description", tool.description)
      .raw_field("parameters", tool.parameters_json)
      .field("runs_on", tool.runs_on == RunsOn::device ? "device" : "sandbox")
      .key("network")
      .begin_array();
  for (const std::string& host : tool.network) json.value(host);
  json.end_array().field("idempotent", tool.idempotent).end_object();
}

void write(JsonWriter& json, const ApiKey& key) {
  json.begin_object().field("id", key.id).field("name", key.name).field("prefix", key.prefix);
  time_field(json, "created_at", key.created_at);
  time_field(json, "last_used_at", key.last_used_at);
  time_field(json, "expires_at", key.expires_at);
  json.key("scopes").begin_array();
  for (const KeyScope scope : api_key_scopes()) {
    if (key.scopes.has(scope)) json.value(to_string(scope));
  }
  json.end_array().key("cidrs").begin_array();
  for (const std::string& range : key.cidrs) json.value(range);
  json.end_array().end_object();
}

void write(JsonWriter& json, const Account& account) {
  json.begin_object().field("id", account.user.id).field("display_name", account.user.display_name);
  json.field("email", account.user.email);
  time_field(json, "email_verified_at", account.email_verified_at);
  time_field(json, "created_at", account.user.created_at);
  json.field("has_password", account.has_password).field("second_factor", account.second_factor);
  json.field("recovery_codes", account.recovery_codes).end_object();
}

void write(JsonWriter& json, const Session& session, bool current) {
  json.begin_object().field("id", session.id).field("kind", to_string(session.kind)).field("current", current);
  json.field("address", session.address).field("user_agent", session.user_agent);
  time_field(json, "created_at", session.created_at);
  time_field(json, "last_used_at", session.last_used_at);
  time_field(json, "expires_at", session.expires_at);
  json.end_object();
}

void write(JsonWriter& json, const WorkspaceMembership& membership) {
  json.begin_object().field("id", membership.workspace.id).field("name", membership.workspace.name);
  json.field("role", to_string(membership.role)).field("owner_id", membership.workspace.owner_id);
  time_field(json, "created_at", membership.workspace.created_at);
  time_field(json, "joined_at", membership.joined_at);
  json.end_object();
}

void write(JsonWriter& json, const Member& member) {
  json.begin_object().field("user_id", member.user_id).field("display_name", member.display_name);
  json.field("email", member.email).field("role", to_string(member.role));
  time_field(json, "joined_at", member.joined_at);
  json.end_object();
}

void write(JsonWriter& json, const Invitation& invitation) {
  json.begin_object().field("id", invitation.id).key("workspace").begin_object();
  json.field("id", invitation.workspace_id).field("name", invitation.workspace_name).end_object();
  json.field("role", to_string(invitation.role)).field("email", invitation.email);
  json.field("invited_by", invitation.invited_by);
  time_field(json, "created_at", invitation.created_at);
  time_field(json, "expires_at", invitation.expires_at);
  json.end_object();
}

void write(JsonWriter& json, const Approval& approval) {
  const auto text_or_null = [&json](std::string_view name, const std::string& text) {
    json.key(name);
    if (text.empty()) {
      json.null();
    } else {
      json.value(text);
    }
  };
  json.begin_object().field("id", approval.id);
  text_or_null("conversation_id", approval.conversation_id);
  text_or_null("turn_id", approval.turn_id);
  json.key("call").begin_object().field("id", approval.call.id).field("name", approval.call.name).key("arguments");
  untrusted_json(json, approval.call.arguments_json, true);
  json.end_object().field("skill", approval.skill).field("reason", approval.reason).key("does").begin_array();
  if (approval.use.writes) json.value("writes");
  if (approval.use.spends) json.value("spends");
  if (approval.use.network) json.value("network");
  if (approval.use.device) json.value("device");
  json.end_array().key("hosts").begin_array();
  for (const std::string& host : approval.use.hosts) json.value(host);
  json.end_array();
  text_or_null("program", approval.use.program);
  text_or_null("only_once", approval.use.only_once);
  json.field("state", to_string(approval.state)).key("decision");
  if (approval.decision) {
    json.value(to_string(*approval.decision));
  } else {
    json.null();
  }
  time_field(json, "created_at", approval.created_at);
  time_field(json, "expires_at", approval.expires_at);
  time_field(json, "decided_at", approval.decided_at);
  json.end_object();
}

void write(JsonWriter& json, const Grant& grant) {
  json.begin_object().field("id", grant.id).field("skill", grant.skill).field("tool", grant.tool).key("host");
  if (grant.host.empty()) {
    json.null();
  } else {
    json.value(grant.host);
  }
  json.key("program");
  if (grant.program.empty()) {
    json.null();
  } else {
    json.value(grant.program);
  }
  time_field(json, "created_at", grant.created_at);
  json.end_object();
}

void write(JsonWriter& json, const ToolMode& mode) {
  const auto mode_field = [&json](std::string_view name, const std::optional<ApprovalMode>& value) {
    json.key(name);
    if (value) {
      json.value(to_string(*value));
    } else {
      json.null();
    }
  };
  json.begin_object();
  mode_field("workspace", mode.workspace);
  mode_field("conversation", mode.conversation);
  mode_field("effective", mode.effective);
  json.end_object();
}

void write(JsonWriter& json, const ToolProgress& progress) {
  json.begin_object().field("call_id", progress.call_id).key("fraction");
  if (progress.fraction) {
    json.value(*progress.fraction);
  } else {
    json.null();
  }
  json.field("message", progress.message).end_object();
}

}  // namespace librebird::gateway
