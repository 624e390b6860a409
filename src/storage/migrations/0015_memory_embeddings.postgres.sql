-- Texts that are found by meaning (core/ports/embedding_store.hpp). embedding: of length 1; an array until pgvector is
-- there. source_type: conversation, document, context or knowledge.
CREATE TABLE memory_embeddings (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  source_type TEXT NOT NULL,
  source_id TEXT NOT NULL,
  position BIGINT NOT NULL,
  content TEXT NOT NULL,
  embedding REAL[] NOT NULL CHECK (CARDINALITY(embedding) = 384),
  model TEXT NOT NULL,
  metadata TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  UNIQUE (source_type, source_id, user_id, workspace_id, position)
);
CREATE INDEX memory_embeddings_owner ON memory_embeddings (user_id, workspace_id, created_at);
CREATE INDEX memory_embeddings_expired ON memory_embeddings (user_id, expires_at) WHERE expires_at IS NOT NULL;
SELECT librebird_protect('memory_embeddings', '@workspace AND user_id = @user');

-- Turns the column into pgvector's type with an HNSW index, where the server has it; answers what is in use, or why it
-- is not. The tables' owner runs it again when pgvector was installed later (docs/databases.md).
CREATE FUNCTION librebird_use_pgvector() RETURNS TEXT
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  version TEXT;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') THEN
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN
      RETURN 'The server has no pgvector: install the package postgresql-NN-pgvector.';
    END IF;
    BEGIN
      CREATE EXTENSION vector;
    EXCEPTION
      WHEN insufficient_privilege THEN
        RETURN 'This login may not install pgvector: run CREATE EXTENSION vector in this database as a superuser.';
      WHEN OTHERS THEN  -- the server's installation is broken; everything else works
        RETURN 'pgvector cannot be installed: ' || SQLERRM;
    END;
  END IF;
  version := (SELECT extversion FROM pg_extension WHERE extname = 'vector');
  IF string_to_array(substring(version FROM '^[0-9]+\.[0-9]+'), '.')::INT[] < ARRAY[0, 5] THEN
    RETURN format('pgvector %s has no HNSW index: update it to 0.5 or newer, with ALTER EXTENSION vector UPDATE.', version);
  END IF;
  IF to_regtype('vector') IS NULL THEN
    RETURN 'pgvector is in a schema that is not on the search path: ALTER EXTENSION vector SET SCHEMA ' || current_schema();
  END IF;
  IF (SELECT a.atttypid <> to_regtype('vector') FROM pg_attribute a
      WHERE a.attrelid = 'memory_embeddings'::REGCLASS AND a.attname = 'embedding') THEN
    EXECUTE 'ALTER TABLE memory_embeddings DROP CONSTRAINT memory_embeddings_embedding_check, '
            'ALTER COLUMN embedding TYPE VECTOR(384)';
    -- Beside the row: a search that compares many would look each of them up elsewhere.
    ALTER TABLE memory_embeddings ALTER COLUMN embedding SET STORAGE PLAIN;
    EXECUTE 'CREATE INDEX memory_embeddings_nearest ON memory_embeddings USING hnsw (embedding vector_cosine_ops)';
  END IF;
  RETURN 'pgvector ' || version;
END $$;
REVOKE ALL ON FUNCTION librebird_use_pgvector FROM PUBLIC;
SELECT librebird_use_pgvector();

-- A new row of a conversation of one's own does not ask librebird_access() either: the call costs twice the look at the
-- conversation, whose own rules say that its owner is a member.
DO $$
DECLARE
  tab TEXT;
BEGIN
  FOREACH tab IN ARRAY ARRAY['messages', 'turns'] LOOP
    EXECUTE format('DROP POLICY only_where_allowed ON %I', tab);
    EXECUTE format('CREATE POLICY only_where_allowed ON %1$I AS RESTRICTIVE FOR INSERT TO librebird_app WITH CHECK ('
                   'EXISTS (SELECT FROM conversations c WHERE c.id = %1$I.conversation_id AND '
                   'c.user_id = (SELECT current_setting(''app.user_id'', true)) AND '
                   'c.workspace_id = (SELECT current_setting(''app.workspace_id'', true))) OR '
                   'librebird_access(conversation_id) IN (''own'', ''write''))', tab);
  END LOOP;
END $$;
