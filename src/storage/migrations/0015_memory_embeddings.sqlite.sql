-- Texts that are found by meaning (core/ports/embedding_store.hpp). embedding: 384 floats of 4 bytes, the lowest byte
-- first, of length 1 together. source_type: conversation, document, context or knowledge.
CREATE TABLE memory_embeddings (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  source_type TEXT NOT NULL,
  source_id TEXT NOT NULL,
  position BIGINT NOT NULL,
  content TEXT NOT NULL,
  embedding BLOB NOT NULL,
  model TEXT NOT NULL,
  metadata TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  UNIQUE (source_type, source_id, user_id, workspace_id, position)
);
CREATE INDEX memory_embeddings_owner ON memory_embeddings (user_id, workspace_id, created_at);
CREATE INDEX memory_embeddings_expired ON memory_embeddings (user_id, expires_at) WHERE expires_at IS NOT NULL;
