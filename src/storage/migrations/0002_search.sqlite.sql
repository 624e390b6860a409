-- Words of messages. Contentless: the text is in `messages` (rowid = seq). The program cuts and folds the text into
-- tokens itself (see search_text.hpp), so the index only has to split at spaces.
-- owner: one token made of workspace and user, so that a search never walks through others' words.
CREATE VIRTUAL TABLE message_search USING fts5 (owner, body, content = '', tokenize = 'ascii');

-- Messages up to this seq are in the index; the rest is added in batches.
CREATE TABLE search_state (id INTEGER PRIMARY KEY, indexed_seq BIGINT NOT NULL);
INSERT INTO search_state (id, indexed_seq) VALUES (1, 0);
