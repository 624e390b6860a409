#pragma once

// Part of store_suite.hpp: texts that are found by meaning.

#include <librebird/storage/testkit/embeddings.hpp>

#include <cmath>
#include <limits>

namespace librebird::testkit {

class EmbeddingSuite : public StoreSuite {};

TEST_P(EmbeddingSuite, TheNearestComeFirst) {
  EmbeddingStore& store = set_->embeddings();
  std::vector<NewEmbedding> pieces;
  for (const int angle : {90, 10, 180, 45, 0}) {
    pieces.push_back(embedding(std::to_string(angle), at_angle(angle, angle == 45 ? 1e-20F : 1e15F),
                               EmbeddedSource::document, "manual.pdf", angle));
  }
  pieces[1].metadata_json = R"({"page": 7, "title": "\u0000 \uD83D\uDC26"})";
  const auto ids = ok(store.put(me_, pieces));
  ASSERT_EQ(ids.size(), 5U);
  const auto found = ok(store.nearest(me_, near(at_angle(2, 1e-15F))));
  EXPECT_EQ(contents_of(found), "0 10 45 90 180");
  EXPECT_NEAR(found[0].similarity, std::cos(2 / 180.0 * M_PI), 1e-5) << "whatever the lengths";
  EXPECT_NEAR(found[4].similarity, -std::cos(2 / 180.0 * M_PI), 1e-5);
  EXPECT_EQ(found[1].id, ids[1]);
  EXPECT_EQ(found[1].source, "document");
  EXPECT_EQ(found[1].source_id, "manual.pdf");
  EXPECT_EQ(found[1].position, 10);
  EXPECT_EQ(found[1].metadata_json, pieces[1].metadata_json);
  EXPECT_EQ(found[1].created_at, clock_.unix_now());
  EXPECT_EQ(contents_of(ok(store.nearest(me_, near(at_angle(100), 2)))), "90 45");
}

TEST_P(EmbeddingSuite, APieceIsReplacedAndKeepsItsId) {
  EmbeddingStore& store = set_->embeddings();
  const auto first = ok(store.put(me_, {embedding("old", at_angle(0))}));
  clock_.advance(Millis(5));
  const auto second = ok(store.put(me_, {embedding("new", at_angle(90))}));
  EXPECT_EQ(first, second);
  const auto found = ok(store.nearest(me_, near(at_angle(90))));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].content, "new");
  EXPECT_NEAR(found[0].similarity, 1, 1e-6);
  EXPECT_EQ(found[0].created_at, clock_.unix_now());
}

TEST_P(EmbeddingSuite, NobodyFindsWhatAnotherEmbedded) {
  EmbeddingStore& store = set_->embeddings();
  ok(store.put(me_, {embedding("mine", at_angle(0))}));
  EXPECT_TRUE(ok(store.nearest(stranger_, near(at_angle(0)))).empty());
  ok(store.put(stranger_, {embedding("theirs", at_angle(0))}));  // of a source with the same name
  EXPECT_EQ(contents_of(ok(store.nearest(stranger_, near(at_angle(0))))), "theirs");
  EXPECT_EQ(ok(store.erase(stranger_, EmbeddedSource::document, "manual.pdf", std::nullopt)), 1);
  EXPECT_EQ(contents_of(ok(store.nearest(me_, near(at_angle(0))))), "mine");
  Principal elsewhere = me_;
  elsewhere.workspace_id = stranger_.workspace_id;
  EXPECT_TRUE(ok(store.nearest(elsewhere, near(at_angle(0)))).empty());
  EXPECT_EQ(ok(store.erase(elsewhere, EmbeddedSource::document, "manual.pdf", std::nullopt)), 0);
}

TEST_P(EmbeddingSuite, OnlyWhatIsAskedForIsFound) {
  EmbeddingStore& store = set_->embeddings();
  auto other_model = embedding("maxi", at_angle(0), EmbeddedSource::document, "a", 9);
  other_model.model = "maxi";
  ok(store.put(me_, {embedding("a0", at_angle(0), EmbeddedSource::document, "a", 0),
                     embedding("a1", at_angle(1), EmbeddedSource::document, "a", 1),
                     embedding("b", at_angle(2), EmbeddedSource::document, "b"),
                     embedding("k", at_angle(3), EmbeddedSource::knowledge, "a"), other_model}));
  NearestQuery query = near(at_angle(0));
  EXPECT_EQ(contents_of(ok(store.nearest(me_, query))), "a0 a1 b k");
  query.source = EmbeddedSource::document;
  EXPECT_EQ(contents_of(ok(store.nearest(me_, query))), "a0 a1 b");
  query.source_id = "a";
  EXPECT_EQ(contents_of(ok(store.nearest(me_, query))), "a0 a1");
  query.source = std::nullopt;
  fails(Code::invalid_argument, store.nearest(me_, query));
  EXPECT_EQ(ok(store.erase(me_, EmbeddedSource::document, "a", 1)), 1);
  EXPECT_EQ(ok(store.erase(me_, EmbeddedSource::document, "a", std::nullopt)), 2);
  EXPECT_EQ(ok(store.erase(me_, EmbeddedSource::document, "a", std::nullopt)), 0);
  EXPECT_EQ(contents_of(ok(store.nearest(me_, near(at_angle(0))))), "b k");
}

TEST_P(EmbeddingSuite, WhatExpiredIsNotFoundAndGoes) {
  EmbeddingStore& store = set_->embeddings();
  auto brief = embedding("brief", at_angle(0), EmbeddedSource::context, "screen");
  brief.expires_at = clock_.unix_now() + 10;
  ok(store.put(me_, {brief, embedding("lasting", at_angle(1))}));
  EXPECT_EQ(contents_of(ok(store.nearest(me_, near(at_angle(0))))), "brief lasting");
  clock_.advance(Millis(10));
  EXPECT_EQ(contents_of(ok(store.nearest(me_, near(at_angle(0))))), "lasting");
  EXPECT_EQ(set_->tamper("SELECT COUNT(*) FROM memory_embeddings"), "2");
  ok(store.put(me_, {}));
  EXPECT_EQ(set_->tamper("SELECT COUNT(*) FROM memory_embeddings"), "1");
}

TEST_P(EmbeddingSuite, EmbeddingsThatMakeNoSenseAreRefused) {
  EmbeddingStore& store = set_->embeddings();
  const auto good = embedding("good", at_angle(0));
  const auto refused = [&](Code code, auto change) {
    NewEmbedding bad = good;
    bad.position = 1;
    change(bad);
    fails(code, store.put(me_, {good, bad}));
  };
  for (const float value : {std::nanf(""), INFINITY, -INFINITY}) {
    refused(Code::invalid_argument, [&](NewEmbedding& e) { e.vector[383] = value; });
    auto vector = at_angle(0);
    vector[7] = value;
    fails(Code::invalid_argument, store.nearest(me_, near(vector)));
  }
  for (const std::size_t size : {0UL, 1UL, 383UL, 385UL, 100'000UL}) {
    refused(Code::invalid_argument, [&](NewEmbedding& e) { e.vector.resize(size); });
    fails(Code::invalid_argument, store.nearest(me_, near(std::vector<float>(size, 1))));
  }
  refused(Code::invalid_argument, [](NewEmbedding& e) { e.vector.assign(384, 0); });
  fails(Code::invalid_argument, store.nearest(me_, near(std::vector<float>(384))));
  for (const char* metadata : {"", "[]", "7", "{", "{\"a\":1}}", "{\"a\":NaN}", "{\"a\":\"\xff\"}"}) {
    refused(Code::invalid_argument, [&](NewEmbedding& e) { e.metadata_json = metadata; });
  }
  const std::string deep(1000, '[');
  refused(Code::invalid_argument, [&](NewEmbedding& e) { e.metadata_json = "{\"a\":" + deep; });
  refused(Code::too_large,
          [](NewEmbedding& e) { e.metadata_json = "{\"a\":\"" + std::string(kEmbeddingMetadataLimit, 'x') + "\"}"; });
  refused(Code::too_large, [](NewEmbedding& e) { e.content.assign(kEmbeddedTextLimit + 1, 'x'); });
  refused(Code::invalid_argument, [](NewEmbedding& e) { e.source_id.clear(); });
  refused(Code::invalid_argument, [](NewEmbedding& e) { e.source_id = std::string("a\0b", 3); });
  refused(Code::invalid_argument, [](NewEmbedding& e) { e.source_id = "\xff"; });
  refused(Code::too_large, [](NewEmbedding& e) { e.source_id.assign(10'000, 'x'); });
  refused(Code::invalid_argument, [](NewEmbedding& e) { e.model.clear(); });
  refused(Code::invalid_argument, [](NewEmbedding& e) { e.position = -1; });
  fails(Code::too_large, store.put(me_, std::vector<NewEmbedding>(kEmbeddingsAtOnce + 1, good)));
  for (const int limit : {0, -1, kNearestLimit + 1, std::numeric_limits<int>::max()}) {
    fails(Code::invalid_argument, store.nearest(me_, near(at_angle(0), limit)));
  }
  EXPECT_EQ(set_->tamper("SELECT COUNT(*) FROM memory_embeddings"), "0") << "all or none";
}

TEST_P(EmbeddingSuite, EmbeddingsKeepOddTextAndEveryBit) {
  EmbeddingStore& store = set_->embeddings();
  std::vector<float> vector(kEmbeddingDimensions);
  for (std::size_t i = 0; i < vector.size(); ++i) {
    vector[i] = (i % 2 == 0 ? 1.0F : -1.0F) * std::exp2(static_cast<float>(i % 100) - 140);
  }
  vector[0] = std::numeric_limits<float>::max();
  auto odd = embedding("odd \xff\xF0\x9F\x90\xA6 '; DROP TABLE memory_embeddings; --", vector);
  odd.content += std::string("\0", 1) + std::string(kEmbeddedTextLimit / 2, 'x');
  ok(store.put(me_, {odd}));
  const auto found = ok(store.nearest(me_, near(vector)));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NEAR(found[0].similarity, 1, 1e-6);
  EXPECT_TRUE(found[0].content.starts_with("odd \xEF\xBF\xBD\xF0\x9F\x90\xA6 '; DROP"));
  EXPECT_EQ(found[0].content.size(), odd.content.size() + 4) << "two bytes that are no text were replaced";
}

TEST_P(EmbeddingSuite, AConversationsEmbeddingsGoWithIt) {
  EmbeddingStore& store = set_->embeddings();
  const Conversation talk = conversation("plans");
  const auto said = embedding("said", at_angle(0), EmbeddedSource::conversation, talk.id);
  fails(Code::not_found, store.put(stranger_, {said}));
  fails(Code::not_found, store.put(me_, {embedding("x", at_angle(0), EmbeddedSource::conversation, "nowhere")}));
  ok(store.put(me_, {said, embedding("kept", at_angle(9), EmbeddedSource::document, talk.id)}));
  // A colleague with whom it is shared.
  set_->tamper("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) VALUES ('" + me_.workspace_id +
               "', '" + stranger_.user_id + "', 'member', 1)");
  Principal colleague = stranger_;
  colleague.workspace_id = me_.workspace_id;
  ok(set_->conversations().share(me_, talk.id, Sharing{Access::read, {}}));
  ok(store.put(colleague, {said}));
  EXPECT_EQ(set_->tamper("SELECT COUNT(*) FROM memory_embeddings"), "3");
  ok(set_->conversations().remove(me_, talk.id));
  EXPECT_EQ(contents_of(ok(store.nearest(me_, near(at_angle(0))))), "kept");
  EXPECT_EQ(set_->tamper("SELECT COUNT(*) FROM memory_embeddings"), "1");
  fails(Code::not_found, store.put(me_, {said}));
}

}  // namespace librebird::testkit
