-- Accounts: how people sign in. E-mail addresses are kept in their normal form, secrets as hashes (totp_secret: sealed).
-- epoch: sessions with another number are over.
ALTER TABLE users ADD COLUMN password_hash TEXT;
ALTER TABLE users ADD COLUMN email_verified_at BIGINT;
ALTER TABLE users ADD COLUMN disabled_at BIGINT;
ALTER TABLE users ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN totp_secret TEXT;
ALTER TABLE users ADD COLUMN totp_confirmed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN totp_last_step BIGINT NOT NULL DEFAULT 0;

CREATE TABLE recovery_codes (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  code_hash TEXT NOT NULL,
  used_at BIGINT,
  PRIMARY KEY (user_id, code_hash)
);

CREATE TABLE external_identities (
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (issuer, subject)
);
CREATE INDEX external_identities_user ON external_identities (user_id);

-- One-time tokens: what was mailed, and the tickets between the first and the second factor.
CREATE TABLE account_tokens (
  token_hash TEXT PRIMARY KEY,
  purpose TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  email TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);
CREATE INDEX account_tokens_user ON account_tokens (user_id);
CREATE INDEX account_tokens_expiry ON account_tokens (expires_at);

-- Failures by account and by address, known or not.
CREATE TABLE sign_in_attempts (
  subject TEXT PRIMARY KEY,
  failures BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  closed_until BIGINT NOT NULL
);
CREATE INDEX sign_in_attempts_age ON sign_in_attempts (last_at);
CREATE INDEX sign_in_attempts_kept ON sign_in_attempts (closed_until, last_at);

-- A session is its user's, not a workspace's any more: workspace_id is where it acts unless told otherwise.
-- session_hash: of a browser's cookie; NULL for the session of an access token.
CREATE TABLE user_sessions (
  id TEXT PRIMARY KEY,
  session_hash TEXT UNIQUE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  workspace_id TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  address TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
INSERT INTO user_sessions (id, session_hash, user_id, workspace_id, epoch, address, user_agent, created_at,
                           last_used_at, expires_at)
  SELECT id, session_hash, user_id, workspace_id, 0, '', '', created_at, created_at, expires_at FROM sessions;
DROP TABLE sessions;
ALTER TABLE user_sessions RENAME TO sessions;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Scopes and addresses: separated by spaces. Keys from before could do what their owner can.
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT 'read chat tools admin';
ALTER TABLE api_keys ADD COLUMN cidrs TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN expires_at BIGINT;

-- Keys of the installation, sealed.
CREATE TABLE server_keys (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
