-- How much tools may do unasked. No row: the configured mode; of a conversation: as its workspace.
CREATE TABLE workspace_tool_modes (
  workspace_id TEXT PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
  mode TEXT NOT NULL,
  set_by TEXT NOT NULL,
  set_at BIGINT NOT NULL
);

CREATE TABLE conversation_tool_modes (
  conversation_id TEXT PRIMARY KEY REFERENCES conversations (id) ON DELETE CASCADE,
  mode TEXT NOT NULL,
  set_by TEXT NOT NULL,
  set_at BIGINT NOT NULL
);

-- Questions put to people, kept after they were answered. Outlive conversations on purpose, like the audit log; the
-- arguments go with the conversation.
-- tool_use: JSON of what the call would do. One question of a call is open at most.
CREATE TABLE approvals (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  role TEXT NOT NULL,
  credential_id TEXT NOT NULL,
  conversation_id TEXT NOT NULL,
  turn_id TEXT NOT NULL,
  call_id TEXT NOT NULL,
  skill TEXT NOT NULL,
  tool TEXT NOT NULL,
  arguments TEXT NOT NULL,
  tool_use TEXT NOT NULL,
  reason TEXT NOT NULL,
  state TEXT NOT NULL,
  decision TEXT,
  decided_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  decided_at BIGINT
);
CREATE INDEX approvals_recent ON approvals (workspace_id, user_id, id);
CREATE INDEX approvals_call ON approvals (call_id);
CREATE INDEX approvals_conversation ON approvals (conversation_id);
CREATE UNIQUE INDEX approvals_open ON approvals (workspace_id, user_id, call_id) WHERE state = 'open';

-- Standing answers. host: '' for calls that reach none, '*' for any. program: '' for calls that run none.
CREATE TABLE tool_grants (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  skill TEXT NOT NULL,
  tool TEXT NOT NULL,
  host TEXT NOT NULL,
  program TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (workspace_id, user_id, skill, tool, host, program),
  FOREIGN KEY (workspace_id, user_id) REFERENCES workspace_members (workspace_id, user_id) ON DELETE CASCADE
);

-- What tools have used. scope: user or workspace; span: hour or day.
CREATE TABLE quota_use (
  scope TEXT NOT NULL,
  subject TEXT NOT NULL,
  span TEXT NOT NULL,
  start_at BIGINT NOT NULL,
  calls BIGINT NOT NULL,
  cpu_ms BIGINT NOT NULL,
  wall_ms BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  PRIMARY KEY (scope, subject, span, start_at)
);
CREATE INDEX quota_use_old ON quota_use (start_at);
