#include "codec.hpp"

#include "address.hpp"
#include "grpc_status.hpp"
#include "outbox.hpp"

#include <librebird/base/config.hpp>
#include <librebird/rpc/rpc_options.hpp>

#include <brain.pb.h>
#include <gtest/gtest.h>
#include <hands.pb.h>

#include <random>

namespace librebird::rpc {
namespace {

using namespace std::chrono_literals;

constexpr const char* kBroken = "caf\xc3 \xff";  // not UTF-8: must arrive as it is

ModelAnswer full_answer(FinishReason reason) {
  return {kBroken, {{"id", kBroken, "{broken"}, {"id2", "name", ""}}, reason, {1, 2}, {"openai", "gpt", true}};
}

template <class Wire>
std::string bytes_of(const Wire& wire) {
  std::string bytes;
  wire.SerializeToString(&bytes);
  return bytes;
}

TEST(Codec, ChatRequest) {
  ChatRequest request;
  request.turn_id = "t";
  request.conversation_id = "c";
  request.model = "openai/gpt";
  request.temperature = 0.0;  // set, though zero
  request.max_tokens = 7;
  request.tool_choice = "auto";
  request.trace_parent = "00-1-2-01";
  for (const ChatRole role : {ChatRole::system, ChatRole::user, ChatRole::assistant, ChatRole::tool}) {
    request.history.push_back({role, kBroken, {{"id", "n", "{}"}}, "id"});
  }
  int index = 0;
  for (const FinishReason reason :
       {FinishReason::stop, FinishReason::length, FinishReason::tool_calls, FinishReason::content_filter}) {
    request.journal.push_back({index++, full_answer(reason)});
  }
  for (const ToolStatus status : {ToolStatus::ok, ToolStatus::error, ToolStatus::denied, ToolStatus::interrupted}) {
    request.journal.push_back({index++, ToolResult{"id", status, kBroken, 12ms}});
  }
  for (const RunsOn where : {RunsOn::sandbox, RunsOn::device}) {
    request.client_tools.push_back({"n", "s", kBroken, "{}", where, {"a.example", "b.example"}, true, true, true});
  }
  for (const Role role : {Role::guest, Role::member, Role::admin, Role::owner}) {
    request.principal = {"u", "w", role, "k", role == Role::guest ? ScopeSet{KeyScope::read} : ScopeSet::all()};
    auto back = chat_client_message_from_wire(to_wire(ChatClientMessage(request)));
    ASSERT_TRUE(back);
    const auto& got = std::get<ChatRequest>(*back);
    EXPECT_EQ(got.turn_id, request.turn_id);
    EXPECT_EQ(got.conversation_id, request.conversation_id);
    EXPECT_EQ(got.principal, request.principal);
    EXPECT_EQ(got.model, request.model);
    EXPECT_EQ(got.history, request.history);
    EXPECT_EQ(got.journal, request.journal);
    EXPECT_EQ(got.temperature, request.temperature);
    EXPECT_EQ(got.max_tokens, request.max_tokens);
    EXPECT_EQ(got.tool_choice, request.tool_choice);
    EXPECT_EQ(got.trace_parent, request.trace_parent);
    ASSERT_EQ(got.client_tools.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
      const ToolSpec& a = got.client_tools[i];
      const ToolSpec& b = request.client_tools[i];
      EXPECT_EQ(std::tie(a.name, a.skill, a.description, a.parameters_json),
                std::tie(b.name, b.skill, b.description, b.parameters_json));
      EXPECT_EQ(std::tie(a.runs_on, a.network, a.idempotent, a.writes, a.spends),
                std::tie(b.runs_on, b.network, b.idempotent, b.writes, b.spends));
    }
  }
  request.temperature.reset();
  request.max_tokens.reset();
  auto back = chat_client_message_from_wire(to_wire(ChatClientMessage(request)));
  EXPECT_FALSE(std::get<ChatRequest>(*back).temperature);
  EXPECT_FALSE(std::get<ChatRequest>(*back).max_tokens);
}

TEST(Codec, ServerMessages) {
  auto text = chat_server_message_from_wire(to_wire(ChatServerMessage(TextDelta{kBroken})));
  EXPECT_EQ(std::get<TextDelta>(*text).text, kBroken);
  auto empty = chat_server_message_from_wire(to_wire(ChatServerMessage(TextDelta{""})));
  EXPECT_TRUE(empty && std::holds_alternative<TextDelta>(*empty));
  const ToolCall call{"id", kBroken, kBroken};
  EXPECT_EQ(std::get<ToolCall>(*chat_server_message_from_wire(to_wire(ChatServerMessage(call)))), call);
  const ToolResult result{"id", ToolStatus::interrupted, kBroken, 5ms};
  EXPECT_EQ(std::get<ToolResult>(*chat_server_message_from_wire(to_wire(ChatServerMessage(result)))), result);
  Approval asked;
  asked.id = "q";
  asked.principal = {"u", "w", Role::member, "c"};
  asked.call = call;
  asked.use = {true, false, true, false, {kBroken}, kBroken, kBroken};
  asked.reason = kBroken;
  for (const auto state : {ApprovalState::open, ApprovalState::granted, ApprovalState::denied, ApprovalState::expired,
                           ApprovalState::withdrawn}) {
    asked.state = state;
    EXPECT_EQ(std::get<Approval>(*chat_server_message_from_wire(to_wire(ChatServerMessage(asked)))), asked);
  }
  const ToolProgress progress{"id", 0.25, kBroken};
  EXPECT_EQ(std::get<ToolProgress>(*chat_server_message_from_wire(to_wire(ChatServerMessage(progress)))), progress);
  const TurnStep step{0, full_answer(FinishReason::length)};
  EXPECT_EQ(std::get<TurnStep>(*chat_server_message_from_wire(to_wire(ChatServerMessage(step)))), step);
  const ChatOutcome outcome{FinishReason::content_filter, {5, 6}, full_answer(FinishReason::stop)};
  const auto back = std::get<ChatOutcome>(*chat_server_message_from_wire(to_wire(ChatServerMessage(outcome))));
  EXPECT_EQ(back.finish_reason, outcome.finish_reason);
  EXPECT_EQ(back.usage, outcome.usage);
  EXPECT_EQ(back.final_answer, outcome.final_answer);
}

TEST(Codec, AcksErrorsAndTheRest) {
  auto ack = chat_client_message_from_wire(to_wire(ChatClientMessage(Ack{3, std::nullopt})));
  EXPECT_EQ(std::get<Ack>(*ack).step_index, 3);
  EXPECT_FALSE(std::get<Ack>(*ack).error);
  const Error refused{Code::data_loss, kBroken, true, 1500ms};
  ack = chat_client_message_from_wire(to_wire(ChatClientMessage(Ack{0, refused})));
  EXPECT_EQ(std::get<Ack>(*ack).error, refused);

  const ToolRequest request{{"id", "n", "{}"}, {"u", "w", Role::admin, "k"}, "c", "t", "trace"};
  auto same = tool_request_from_wire(to_wire(request));
  ASSERT_TRUE(same);
  EXPECT_EQ(same->call, request.call);
  EXPECT_EQ(same->principal, request.principal);
  EXPECT_EQ(same->conversation_id + same->turn_id + same->trace_parent, "cttrace");
  auto query = memory_query_from_wire(to_wire(MemoryQuery{request.principal, kBroken, -1}));
  EXPECT_TRUE(query && query->text == kBroken && query->limit == -1);
  auto items = memory_items_from_wire(to_wire(std::vector<MemoryItem>{{"c", "m", kBroken, 0.25, 99}}));
  ASSERT_TRUE(items && items->size() == 1);
  EXPECT_EQ(items->at(0).score, 0.25);
  EXPECT_EQ(items->at(0).created_at, 99);
  auto health = health_from_wire(to_wire(HandsHealth{true, "bubblewrap", kBroken}));
  EXPECT_TRUE(health && health->ready && health->detail == kBroken);
}

// Every value this version does not know is an error, wherever it stands.
TEST(Codec, UnknownEnumsAndKindsAreRefused) {
  v1::ChatClientMessage request;
  EXPECT_FALSE(chat_client_message_from_wire(bytes_of(request)));  // no kind
  request.mutable_request();
  EXPECT_FALSE(chat_client_message_from_wire(bytes_of(request)));  // no role
  request.mutable_request()->mutable_principal()->set_role(v1::Principal::ROLE_GUEST);
  EXPECT_TRUE(chat_client_message_from_wire(bytes_of(request)));
  request.mutable_request()->mutable_principal()->set_role(static_cast<v1::Principal::Role>(77));
  EXPECT_FALSE(chat_client_message_from_wire(bytes_of(request)));
  request.mutable_request()->mutable_principal()->set_role(v1::Principal::ROLE_GUEST);
  request.mutable_request()->add_history()->set_role(static_cast<v1::ChatMessage::Role>(-1));
  EXPECT_FALSE(chat_client_message_from_wire(bytes_of(request)));
  request.mutable_request()->clear_history();
  request.mutable_request()->add_client_tools()->set_runs_on(static_cast<v1::ToolSpec::RunsOn>(9));
  EXPECT_FALSE(chat_client_message_from_wire(bytes_of(request)));
  request.mutable_request()->clear_client_tools();
  request.mutable_request()->add_journal();  // a step of no kind
  EXPECT_FALSE(chat_client_message_from_wire(bytes_of(request)));

  v1::ChatServerMessage message;
  EXPECT_FALSE(chat_server_message_from_wire(bytes_of(message)));
  message.mutable_tool_result()->set_status(static_cast<v1::ToolResult::Status>(50));
  EXPECT_FALSE(chat_server_message_from_wire(bytes_of(message)));
  message.mutable_outcome()->set_finish_reason(static_cast<v1::FinishReason>(50));
  EXPECT_FALSE(chat_server_message_from_wire(bytes_of(message)));
  message.mutable_step()->mutable_answer()->set_finish_reason(static_cast<v1::FinishReason>(50));
  const auto refused = chat_server_message_from_wire(bytes_of(message));
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  EXPECT_FALSE(tool_event_from_wire(""));
  EXPECT_FALSE(tool_response_from_wire(""));
  EXPECT_FALSE(principal_from_wire(""));
  EXPECT_FALSE(list_tools_request_from_wire(""));

  // A refusal of an unknown kind stays a refusal.
  v1::ChatClientMessage ack;
  ack.mutable_ack()->mutable_error()->set_code(static_cast<v1::Error::Code>(99));
  auto back = chat_client_message_from_wire(bytes_of(ack));
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<Ack>(*back).error->code, Code::internal);
}

TEST(Codec, GarbageIsAnErrorOrAValueNeverACrash) {
  std::mt19937 random(7);
  ChatRequest request;
  request.history.push_back({ChatRole::user, "hello", {{"a", "b", "c"}}, ""});
  request.journal.push_back({0, full_answer(FinishReason::stop)});
  const std::string good = to_wire(ChatClientMessage(request));
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good.substr(0, random() % (good.size() + 1));
    for (int i = 0; i < 3 && !bytes.empty(); ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    (void)chat_client_message_from_wire(bytes);
    (void)chat_server_message_from_wire(bytes);
    (void)tool_event_from_wire(bytes);
    (void)tool_request_from_wire(bytes);
    (void)error_from_wire(bytes);
  }
}

TEST(GrpcStatus, CarriesEveryErrorExactly) {
  for (const Code code : {Code::invalid_argument, Code::unauthenticated, Code::permission_denied, Code::not_found,
                          Code::already_exists, Code::failed_precondition, Code::resource_exhausted, Code::unavailable,
                          Code::deadline_exceeded, Code::cancelled, Code::too_large, Code::data_loss, Code::internal}) {
    for (const bool retryable : {false, true}) {
      Error error{code, kBroken, retryable, 777ms};
      if (retryable) error.limit = std::make_shared<const LimitUse>(LimitUse{"user", "bytes", 7, 6, "operator", 5});
      const grpc::Status status = to_grpc(error);
      EXPECT_FALSE(status.ok());
      EXPECT_EQ(from_grpc(status, "peer", false), error);
      // Through a proxy that drops the details, the code at least survives or becomes "try again".
      const Error poor = from_grpc({status.error_code(), "why"}, "the brain at x", true);
      if (code == Code::too_large) {
        EXPECT_EQ(poor.code, Code::too_large);
      } else if (code == Code::internal) {
        EXPECT_EQ(poor.code, Code::unavailable);
      } else {
        EXPECT_EQ(poor.code, code);
      }
    }
  }
  EXPECT_EQ(from_grpc({grpc::StatusCode::CANCELLED, ""}, "p", false).code, Code::unavailable);
  const Error long_one{Code::internal, std::string(1'000'000, 'x'), false, 0ms};
  EXPECT_LT(to_grpc(long_one).error_details().size(), 5000U);
  EXPECT_EQ(from_grpc({grpc::StatusCode::INTERNAL, "x", "garbage"}, "p", false).code, Code::unavailable);
}

TEST(Outbox, JoinsTextKeepsOrderAndIsBounded) {
  Outbox box(100);
  box.set_text_encoder([](std::string text) { return "<" + text + ">"; });
  EXPECT_TRUE(box.push_text("a"));
  EXPECT_TRUE(box.push_text("b"));
  EXPECT_TRUE(box.push("step"));
  EXPECT_TRUE(box.push_text("c"));
  EXPECT_EQ(box.size(), 3U);
  EXPECT_EQ(box.next(), "<ab>");
  EXPECT_EQ(box.next(), "step");
  EXPECT_TRUE(box.push_text("d"));
  EXPECT_EQ(box.next(), "<cd>");
  EXPECT_EQ(box.next(), std::nullopt);
  EXPECT_EQ(box.bytes(), 0U);
  EXPECT_TRUE(box.push(std::string(1000, 'x')));  // one may be over
  EXPECT_FALSE(box.push("y"));
  EXPECT_FALSE(box.push_text("y"));
  box.clear();
  EXPECT_TRUE(box.push("y"));
}

TEST(Address, Forms) {
  EXPECT_EQ(parse_address("127.0.0.1:50051")->target, "ipv4:127.0.0.1:50051");
  EXPECT_EQ(parse_address("grpc://localhost:1")->target, "ipv4:127.0.0.1:1");
  EXPECT_TRUE(parse_address("grpc://localhost:1/")->local);
  EXPECT_EQ(parse_address("[::1]:5")->target, "ipv6:[::1]:5");
  EXPECT_TRUE(parse_address("[::1]:5")->local);
  EXPECT_EQ(parse_address("brain:50051")->target, "dns:///brain:50051");
  EXPECT_FALSE(parse_address("brain:50051")->local);
  EXPECT_FALSE(parse_address("0.0.0.0:50051")->local);
  EXPECT_FALSE(parse_address("10.0.0.1:50051")->local);
  EXPECT_FALSE(parse_address("127.0.0.1.evil.example:50051")->local);
  EXPECT_TRUE(parse_address("unix:/run/brain.sock")->local);
  for (const char* wrong : {"", ":", "host", "host:", "host:x", "host:70000", "http://host:1", "grpc://", "::1:5",
                            "[1.2.3.4]:5", "[host]:5", "unix:", "unix:relative", "ho st:1", "host:1,other:2",
                            "grpc://host:1/path", "unix-abstract:x", "xds:///host:1"}) {
    EXPECT_FALSE(parse_address(wrong)) << wrong;
  }
}

TEST(RpcOptionsCheck, RefusesTheUnsafe) {
  RpcOptions options;
  options.address = kBrainAddress;
  EXPECT_EQ(check(options, RpcRole::server).error().code, Code::failed_precondition);
  options.secret = "short";
  EXPECT_EQ(check(options, RpcRole::server).error().code, Code::invalid_argument);
  options.secret = "sixteen-or-more\n-characters";
  EXPECT_EQ(check(options, RpcRole::client).error().code, Code::invalid_argument);
  options.secret = "sixteen-or-more-characters";
  EXPECT_TRUE(check(options, RpcRole::server));
  options.address = "0.0.0.0:50051";
  EXPECT_EQ(check(options, RpcRole::server).error().code, Code::failed_precondition);
  options.address = "brain:50051";
  EXPECT_EQ(check(options, RpcRole::client).error().code, Code::failed_precondition);
  options.tls.ca = "ca.pem";
  EXPECT_EQ(check(options, RpcRole::client).error().code, Code::invalid_argument);
  options.tls.certificate = "c.pem";
  options.tls.key = "k.pem";
  EXPECT_TRUE(check(options, RpcRole::client));
  options.secret.clear();
  EXPECT_TRUE(check(options, RpcRole::server));
}

TEST(RpcOptionsCheck, ComesFromConfigAndEnvironment) {
  auto config = Config::load(rpc_config_keys(), "", [](std::string_view name) -> std::optional<std::string> {
    if (name == "BRAIN_GRPC_URL") return "grpc://127.0.0.1:6001";
    if (name == "LIBREBIRD_RPC_SECRET") return "sixteen-or-more-characters";
    return std::nullopt;
  });
  ASSERT_TRUE(config);
  EXPECT_EQ(brain_rpc_options(*config).address, "grpc://127.0.0.1:6001");
  EXPECT_EQ(hands_rpc_options(*config).address, kHandsAddress);
  EXPECT_TRUE(check(hands_rpc_options(*config), RpcRole::server));
}

}  // namespace
}  // namespace librebird::rpc
