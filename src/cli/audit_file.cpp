#include "audit_file.hpp"

#include <librebird/base/json_writer.hpp>

#include <boost/json.hpp>

namespace librebird::cli {
namespace {

namespace json = boost::json;

Error malformed() { return make_error(Code::invalid_argument, "This is no line of an exported audit log."); }

// Reads members of one object; remembers whether any was missing or of another type.
class Members {
 public:
  explicit Members(const json::object& object) : object_(object) {}
  void text(std::string_view name, std::string& out) {
    const json::value* value = object_.if_contains(name);
    if (value == nullptr || !value->is_string()) {
      good_ = false;
    } else {
      out = std::string_view(value->get_string());
    }
  }
  void number(std::string_view name, std::int64_t& out) {
    const json::value* value = object_.if_contains(name);
    if (value == nullptr || !value->is_int64()) {
      good_ = false;
    } else {
      out = value->get_int64();
    }
  }
  [[nodiscard]] bool good() const { return good_; }

 private:
  const json::object& object_;
  bool good_ = true;
};

}  // namespace

std::string to_line(const ChainBegin& begin) {
  JsonWriter out;
  out.begin_object().field("type", "chain").field("format", "librebird-audit").field("version", 1);
  out.field("workspace_id", begin.workspace_id).field("pruned_seq", begin.pruned_seq);
  out.field("pruned_hash", begin.pruned_hash).end_object();
  return std::move(out).take();
}

std::string to_line(const AuditRecord& r) {
  JsonWriter out;
  out.begin_object().field("type", "row").field("workspace_id", r.workspace_id).field("seq", r.seq).field("id", r.id);
  out.field("kind", r.kind).field("call_id", r.call_id).field("run", r.run).field("user_id", r.user_id);
  out.field("role", r.role).field("credential_id", r.credential_id).field("conversation_id", r.conversation_id);
  out.field("turn_id", r.turn_id).field("subject", r.subject).field("arguments_sha256", r.arguments_sha256);
  out.field("outcome", r.outcome).field("detail", r.detail).field("duration_ms", r.duration_ms);
  out.field("created_at", r.created_at).field("time", to_rfc3339(r.created_at));
  out.field("prev_hash", r.prev_hash).field("hash", r.hash).end_object();
  return std::move(out).take();
}

std::string to_line(const AuditHead& head) {
  JsonWriter out;
  out.begin_object().field("type", "head").field("workspace_id", head.workspace_id).field("seq", head.seq);
  out.field("hash", head.hash).field("pruned_seq", head.pruned_seq).field("pruned_hash", head.pruned_hash);
  out.field("key_id", head.key_id).field("seal", head.seal).end_object();
  return std::move(out).take();
}

Result<AuditLine> parse_audit_line(std::string_view line) {
  boost::system::error_code error;
  const json::value value = json::parse(line, error);
  if (error || !value.is_object()) return malformed();
  Members members(value.get_object());
  std::string type;
  members.text("type", type);
  if (type == "chain") {
    ChainBegin begin;
    std::string format;
    std::int64_t version = 0;
    members.text("format", format);
    members.number("version", version);
    members.text("workspace_id", begin.workspace_id);
    members.number("pruned_seq", begin.pruned_seq);
    members.text("pruned_hash", begin.pruned_hash);
    if (members.good() && format == "librebird-audit" && version == 1) return AuditLine(std::move(begin));
  } else if (type == "row") {
    AuditRecord r;
    for (const auto& [name, field] : {std::pair{"workspace_id", &r.workspace_id},
                                      {"id", &r.id},
                                      {"kind", &r.kind},
                                      {"call_id", &r.call_id},
                                      {"user_id", &r.user_id},
                                      {"role", &r.role},
                                      {"credential_id", &r.credential_id},
                                      {"conversation_id", &r.conversation_id},
                                      {"turn_id", &r.turn_id},
                                      {"subject", &r.subject},
                                      {"arguments_sha256", &r.arguments_sha256},
                                      {"outcome", &r.outcome},
                                      {"detail", &r.detail},
                                      {"prev_hash", &r.prev_hash},
                                      {"hash", &r.hash}}) {
      members.text(name, *field);
    }
    for (const auto& [name, field] :
         {std::pair{"seq", &r.seq}, {"run", &r.run}, {"duration_ms", &r.duration_ms}, {"created_at", &r.created_at}}) {
      members.number(name, *field);
    }
    if (members.good()) return AuditLine(std::move(r));
  } else if (type == "head") {
    AuditHead head;
    for (const auto& [name, field] : {std::pair{"workspace_id", &head.workspace_id},
                                      {"hash", &head.hash},
                                      {"pruned_hash", &head.pruned_hash},
                                      {"key_id", &head.key_id},
                                      {"seal", &head.seal}}) {
      members.text(name, *field);
    }
    members.number("seq", head.seq);
    members.number("pruned_seq", head.pruned_seq);
    if (members.good()) return AuditLine(std::move(head));
  }
  return malformed();
}

}  // namespace librebird::cli
