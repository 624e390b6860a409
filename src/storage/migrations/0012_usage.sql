-- What is asked of models: one row a turn (or call of the compatible API), which outlives the conversation and the
-- workspace, so that deleting them gives nothing back.
CREATE TABLE usage_entries (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  at BIGINT NOT NULL,
  tokens BIGINT NOT NULL DEFAULT 0,
  cost BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX usage_entries_workspace ON usage_entries (workspace_id, at);
CREATE INDEX usage_entries_user ON usage_entries (user_id, at);
CREATE INDEX usage_entries_old ON usage_entries (at);

-- set_for: operator (of a user everywhere: no workspace; of a workspace: no user) or workspace (its own, and those of
-- its members). 0: no limit.
CREATE TABLE usage_limits (
  set_for TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  messages_a_day BIGINT NOT NULL,
  tokens_a_day BIGINT NOT NULL,
  tokens_a_month BIGINT NOT NULL,
  cost_a_month BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  PRIMARY KEY (set_for, workspace_id, user_id)
);

-- One after the other goes through: two workspaces in which one user writes at the same moment.
CREATE TABLE usage_gates (
  user_id TEXT PRIMARY KEY,
  passed BIGINT NOT NULL
);

-- What is kept in a conversation; of what was there before: its characters.
ALTER TABLE conversations ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0;
UPDATE conversations SET bytes =
  (SELECT COALESCE(SUM(LENGTH(m.content)), 0) FROM messages m WHERE m.conversation_id = conversations.id);
