-- How long a workspace keeps conversations (core/ports/retention_store.hpp); 0 days: for ever.
CREATE TABLE workspace_retention (
  workspace_id TEXT PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
  conversation_days BIGINT NOT NULL,
  archived_days BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
