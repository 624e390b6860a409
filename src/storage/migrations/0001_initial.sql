-- Ids are UUIDv7 text, times milliseconds since 1970 (UTC), flags 0 or 1.

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  email TEXT UNIQUE,
  display_name TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE workspaces (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  owner_id TEXT NOT NULL REFERENCES users (id),
  created_at BIGINT NOT NULL
);

CREATE TABLE workspace_members (
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  joined_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, user_id)
);

-- Credentials hold hashes only. Their role is that of the membership at the moment of use.
CREATE TABLE sign_in_links (
  token_hash TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT,
  FOREIGN KEY (workspace_id, user_id) REFERENCES workspace_members (workspace_id, user_id) ON DELETE CASCADE
);
CREATE INDEX sign_in_links_member ON sign_in_links (workspace_id, user_id);

CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  session_hash TEXT NOT NULL UNIQUE,
  workspace_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  FOREIGN KEY (workspace_id, user_id) REFERENCES workspace_members (workspace_id, user_id) ON DELETE CASCADE
);
CREATE INDEX sessions_member ON sessions (workspace_id, user_id);

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  key_hash TEXT NOT NULL UNIQUE,
  workspace_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  name TEXT NOT NULL,
  prefix TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT,
  revoked_at BIGINT,
  FOREIGN KEY (workspace_id, user_id) REFERENCES workspace_members (workspace_id, user_id) ON DELETE CASCADE
);
CREATE INDEX api_keys_member ON api_keys (workspace_id, user_id);

CREATE TABLE conversations (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  title TEXT NOT NULL,
  archived INTEGER NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  next_position BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX conversations_recent ON conversations (workspace_id, user_id, archived, updated_at, id);

-- A user message and the answer to it have neighbouring positions, given when the message is accepted, so that
-- messages queued behind a running turn stand after its answer.
-- superseded_by: the turn that edited or regenerated this row away; such rows are kept and never shown.
-- parts: JSON; null when they are exactly the text.
CREATE TABLE messages (
  seq <serial>,
  id TEXT NOT NULL UNIQUE,
  conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  position BIGINT NOT NULL,
  workspace_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  turn_id TEXT NOT NULL,
  role TEXT NOT NULL,
  content TEXT NOT NULL,
  parts TEXT,
  status TEXT NOT NULL,
  error_code TEXT,
  error_detail TEXT,
  model_provider TEXT,
  model_name TEXT,
  model_demo INTEGER NOT NULL DEFAULT 0,
  client_message_id TEXT,
  superseded_by TEXT,
  created_at BIGINT NOT NULL,
  UNIQUE (conversation_id, position)
);

-- position: that of the answer, and the order in the lane. next_step: how many steps the journal holds.
CREATE TABLE turns (
  id TEXT PRIMARY KEY,
  conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  position BIGINT NOT NULL,
  message_id TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  role TEXT NOT NULL,
  client_message_id TEXT,
  status TEXT NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 0,
  next_step INTEGER NOT NULL DEFAULT 0,
  cancel_requested INTEGER NOT NULL DEFAULT 0,
  lease_owner TEXT,
  lease_expires_at BIGINT,
  error_code TEXT,
  error_detail TEXT,
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  finished_at BIGINT,
  UNIQUE (conversation_id, position),
  UNIQUE (user_id, workspace_id, client_message_id)
);
CREATE INDEX turns_open ON turns (conversation_id, position) WHERE finished_at IS NULL;

CREATE TABLE turn_steps (
  turn_id TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  content TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (turn_id, step)
);

-- Outlives conversations on purpose. run: 0, or which rerun of the call this is.
CREATE TABLE audit_log (
  id TEXT PRIMARY KEY,
  call_id TEXT NOT NULL,
  run INTEGER NOT NULL,
  workspace_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  role TEXT NOT NULL,
  credential_id TEXT NOT NULL,
  conversation_id TEXT NOT NULL,
  turn_id TEXT NOT NULL,
  tool TEXT NOT NULL,
  arguments_sha256 TEXT NOT NULL,
  outcome TEXT NOT NULL,
  detail TEXT NOT NULL,
  duration_ms BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  UNIQUE (call_id, run)
);
CREATE INDEX audit_log_recent ON audit_log (workspace_id, user_id, id);
