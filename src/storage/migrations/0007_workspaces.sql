-- One owner a workspace, the same as workspaces.owner_id.
CREATE UNIQUE INDEX workspace_members_owner ON workspace_members (workspace_id) WHERE role = 'owner';
CREATE INDEX workspace_members_user ON workspace_members (user_id);

-- token_hash: of the link. user_id: who accepted.
CREATE TABLE invitations (
  id TEXT PRIMARY KEY,
  token_hash TEXT NOT NULL UNIQUE,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  invited_by TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  email TEXT,
  state TEXT NOT NULL,
  user_id TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  closed_at BIGINT
);
CREATE INDEX invitations_workspace ON invitations (workspace_id, id);

-- What every member of the workspace may do with a conversation: none, read or write.
ALTER TABLE conversations ADD COLUMN workspace_access TEXT NOT NULL DEFAULT 'none';
CREATE INDEX conversations_activity ON conversations (workspace_id, archived, updated_at, id);

-- What single members may do with one, beside that: read or write.
CREATE TABLE conversation_shares (
  conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  workspace_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  access TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (conversation_id, user_id),
  FOREIGN KEY (workspace_id, user_id) REFERENCES workspace_members (workspace_id, user_id) ON DELETE CASCADE
);
CREATE INDEX conversation_shares_member ON conversation_shares (workspace_id, user_id);
