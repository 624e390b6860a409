-- Words of messages, written with them. The program cuts and folds the text into tokens itself (see search_text.hpp);
-- owner is one more lexeme, made of workspace and user, so that a search never walks through others' words.
-- part: long texts are split, because a tsvector counts places only so far.
CREATE TABLE message_search (
  seq BIGINT NOT NULL REFERENCES messages (seq) ON DELETE CASCADE,
  part INTEGER NOT NULL,
  words TSVECTOR NOT NULL,
  PRIMARY KEY (seq, part)
);
CREATE INDEX message_search_words ON message_search USING GIN (words);
