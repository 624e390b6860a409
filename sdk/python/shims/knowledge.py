"""The old host module `knowledge`: a small store of texts in the user's data folder, found by their words.

Words are compared without case and accents; scripts that write without spaces are compared by pairs of characters.
Ranking is BM25 (SQLite FTS5); `relevance` is from 0 to 1, and 1 means the passage has every word of the question.
"""

import sqlite3
import threading
import unicodedata

from librebird import ToolError, data_path

_CHUNK = 500
_OVERLAP = 50
_MOST_TEXT = 20 << 20
_SCHEMA = """
CREATE TABLE IF NOT EXISTS chunks (id INTEGER PRIMARY KEY, source TEXT NOT NULL, place INTEGER NOT NULL,
  title TEXT NOT NULL, content TEXT NOT NULL, document TEXT NOT NULL, UNIQUE (document, place));
CREATE INDEX IF NOT EXISTS chunks_source ON chunks (source);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (text, tokenize = 'unicode61');
"""
_lock = threading.Lock()


def _spaceless(character):
    """Scripts written without spaces between words."""
    point = ord(character)
    return (
        0x0E00 <= point <= 0x0EFF  # Thai, Lao
        or 0x1780 <= point <= 0x17FF  # Khmer
        or 0x3040 <= point <= 0x30FF  # kana
        or 0x3400 <= point <= 0x9FFF
        or 0xF900 <= point <= 0xFAFF
        or 0x20000 <= point <= 0x3FFFF  # Han
    )


def words_of(text):
    """The searchable words of a text, in order."""
    folded = unicodedata.normalize("NFKD", str(text)).casefold()
    found, word, run = [], [], []

    def end():
        if word:
            found.append("".join(word))
            word.clear()
        if run:
            pairs = ["".join(run[at : at + 2]) for at in range(len(run) - 1)]
            found.extend(pairs or run)
            run.clear()

    for character in folded:
        if unicodedata.category(character).startswith("M"):
            continue
        if _spaceless(character) and character.isalnum():
            if word:
                end()
            run.append(character)
        elif character.isalnum():
            if run:
                end()
            word.append(character)
        else:
            end()
    end()
    return found


def chunks_of(text):
    """Passages of up to 500 characters that overlap a little, cut between words where there are any."""
    text = str(text).strip()
    at = 0
    while at < len(text):
        end = min(len(text), at + _CHUNK)
        if end < len(text):
            space = max(text.rfind(" ", at + _CHUNK // 2, end), text.rfind("\n", at + _CHUNK // 2, end))
            end = space if space > 0 else end
        if part := text[at:end].strip():
            yield part
        if end == len(text):
            return
        at = max(at + 1, end - _OVERLAP)


class Store:
    def __init__(self, path):
        self._base = sqlite3.connect(path, timeout=10, check_same_thread=False, isolation_level=None)
        self._base.executescript(_SCHEMA)

    def close(self):
        self._base.close()

    def add(self, text, source, title=""):
        """Adds a document and returns (its id, passages). The very same one is kept once."""
        import hashlib

        text = str(text)
        if not text.strip():
            raise ToolError("There is no text to keep.")
        if len(text) > _MOST_TEXT:
            raise ToolError(f"The text is longer than {_MOST_TEXT} characters.")
        key = f"{source}\0{title}\0{text}".encode("utf-8", "replace")
        document = hashlib.sha256(key).hexdigest()[:32]
        with _lock:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                for (old,) in self._base.execute("SELECT id FROM chunks WHERE document = ?", (document,)).fetchall():
                    self._base.execute("DELETE FROM words WHERE rowid = ?", (old,))
                self._base.execute("DELETE FROM chunks WHERE document = ?", (document,))
                count = 0
                for part in chunks_of(text):
                    row = self._base.execute(
                        "INSERT INTO chunks (source, place, title, content, document) VALUES (?, ?, ?, ?, ?)",
                        (str(source), count, str(title), part, document),
                    )
                    searchable = " ".join(words_of(f"{title} {part}"))
                    self._base.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (row.lastrowid, searchable))
                    count += 1
                self._base.execute("COMMIT")
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
        return document, count

    def search(self, query, top_k):
        asked = list(dict.fromkeys(words_of(query)))[:64]
        top_k = max(1, min(int(top_k), 100))
        if not asked:
            return []
        # Each word is quoted: nothing a user types is syntax. A word's beginning counts, its other endings too.
        match = " OR ".join(f'"{word}"*' if len(word) > 2 else f'"{word}"' for word in asked)
        with _lock:
            rows = self._base.execute(
                "SELECT c.content, c.source, c.title, w.text FROM words w JOIN chunks c ON c.id = w.rowid "
                "WHERE words MATCH ? ORDER BY bm25(words), c.id LIMIT ?",
                (match, top_k * 4),
            ).fetchall()
        found = []
        for content, source, title, text in rows:
            present = text.split()
            hits = sum(
                any(word.startswith(part) if len(part) > 2 else word == part for word in present) for part in asked
            )
            found.append(
                {"content": content, "source": source, "title": title, "relevance": round(hits / len(asked), 3)}
            )
        # BM25 decides among passages that have as many of the words.
        found.sort(key=lambda item: -item["relevance"])
        return found[:top_k]

    def total(self):
        return self._base.execute("SELECT count(*) FROM chunks").fetchone()[0]

    def sources(self):
        rows = self._base.execute("SELECT source, count(*) FROM chunks GROUP BY source ORDER BY source").fetchall()
        return [{"name": name, "chunks": count} for name, count in rows]


_store = None


def store():
    global _store
    with _lock:
        if _store is None:
            _store = Store(data_path("knowledge", "store.sqlite3"))
        return _store


def _answer(work):
    try:
        return work(store())
    except (ToolError, OSError, sqlite3.Error, ValueError, TypeError) as error:
        return {"error": f"The knowledge base cannot be used: {error}"}


def add_document(text, source="user_input", metadata=None):
    """{status, source, chunks, total_documents} or {error}."""

    def add(base):
        title = metadata.get("title", "") if isinstance(metadata, dict) else ""
        _, count = base.add(text, source, title)
        return {"status": "indexed", "source": source, "chunks": count, "total_documents": base.total()}

    return _answer(add)


def search(query, top_k=5):
    """{results: [{content, source, relevance}], total_indexed} or {error}."""

    def find(base):
        results = [{key: item[key] for key in ("content", "source", "relevance")} for item in base.search(query, top_k)]
        return {"results": results, "total_indexed": base.total()}

    return _answer(find)


def list_sources():
    """{sources: [{name, chunks}], total_documents} or {error}."""
    return _answer(lambda base: {"sources": base.sources(), "total_documents": base.total()})
