#include <librebird/gateway/client_frame.hpp>

#include <gtest/gtest.h>

namespace librebird::gateway {
namespace {

const FrameError& error_of(const std::variant<ClientFrame, FrameError>& parsed) { return std::get<FrameError>(parsed); }

TEST(ClientFrame, ReadsEveryKind) {
  const auto send = parse_client_frame(
      R"({"type":"send","id":"1","conversation_id":"c","content":"hi","client_message_id":"m"})", 100);
  EXPECT_EQ(std::get<SendFrame>(std::get<ClientFrame>(send).what).content, "hi");
  const auto subscribe = parse_client_frame(
      R"({"type":"subscribe","id":"2","conversation_id":"c","cursor":{"turn_id":"t","attempt":1,"seq":9}})", 100);
  const auto& frame = std::get<SubscribeFrame>(std::get<ClientFrame>(subscribe).what);
  ASSERT_TRUE(frame.cursor);
  EXPECT_EQ(frame.cursor->seq, 9U);
  EXPECT_TRUE(std::holds_alternative<ClientFrame>(parse_client_frame(R"({"type":"ping","id":"3"})", 100)));
  const auto decide = parse_client_frame(R"({"type":"decide","id":"4","approval_id":"q","decision":"always"})", 100);
  EXPECT_EQ(std::get<DecideFrame>(std::get<ClientFrame>(decide).what).decision, ApprovalDecision::always);
  const auto typing = parse_client_frame(R"({"type":"typing","id":"5","conversation_id":"c"})", 100);
  EXPECT_TRUE(std::get<TypingFrame>(std::get<ClientFrame>(typing).what).typing);
  for (const auto& [text, kind] : {std::pair(typing, "typing"), {decide, "decide"}, {send, "send"}}) {
    EXPECT_EQ(kind_of(std::get<ClientFrame>(text)).type, kind);
  }
  EXPECT_TRUE(std::holds_alternative<ClientFrame>(parse_client_frame(R"({"type":"cancel","turn_id":"t"})", 100)));
}

TEST(ClientFrame, RefusesTheRestAndSaysWhich) {
  for (const char* bad : {"", "[]", "{", "null", "\xFF"}) EXPECT_TRUE(error_of(parse_client_frame(bad, 9)).malformed);
  const auto unknown = parse_client_frame(R"({"type":"shout","id":"7"})", 9);
  EXPECT_FALSE(error_of(unknown).malformed);
  EXPECT_EQ(error_of(unknown).id, "7");
  for (const char* bad : {
           R"({"id":"1"})",
           R"({"type":1,"id":"1"})",
           R"({"type":"ping","id":"1","more":1})",
           R"({"type":"subscribe","id":"1","conversation_id":""})",
           R"({"type":"decide","id":"1","approval_id":"q"})",
           R"({"type":"typing","id":"1"})",
           R"({"type":"typing","id":"1","conversation_id":"c","typing":1})",
           R"({"type":"decide","id":"1","approval_id":"q","decision":"yes"})",
           R"({"type":"decide","id":"1","approval_id":"","decision":"once"})",
           R"({"type":"subscribe","id":"1","conversation_id":"c","cursor":[]})",
           R"({"type":"subscribe","id":"1","conversation_id":"c","cursor":{"turn_id":"t","seq":-1}})",
           R"({"type":"subscribe","id":"1","conversation_id":"c","cursor":{"turn_id":"t","seq":1e300}})",
           R"({"type":"send","id":"1","conversation_id":"c","content":"","client_message_id":"m"})",
           R"({"type":"send","id":"1","conversation_id":"c","content":"0123456789","client_message_id":"m"})",
           R"({"type":"send","id":"1","conversation_id":"c","content":"\ud800","client_message_id":"m"})",
       }) {
    const auto parsed = parse_client_frame(bad, 9);
    ASSERT_TRUE(std::holds_alternative<FrameError>(parsed)) << bad;
  }
}

}  // namespace
}  // namespace librebird::gateway
