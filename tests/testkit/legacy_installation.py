#!/usr/bin/env python3
"""Makes a folder as the old desktop app leaves it: its database with every table filled, its settings and files.

    legacy_installation.py FOLDER [--messages N] [--bad] [--wal] [--more N] [--knowledge FOLDER]

--bad adds rows that cannot be taken over; --wal leaves everything in a write-ahead log that was not checkpointed, as a
killed app does; --more adds N messages to what is there. Deterministic: the same arguments make the same rows. Prints
what it made as JSON. Standard library only.
"""
import argparse
import datetime
import json
import os
import shutil
import sqlite3

SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS context_snapshots (
  id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL DEFAULT (datetime('now', 'localtime')),
  app_name TEXT, window_title TEXT, focused_text TEXT, bundle_id TEXT);
CREATE TABLE IF NOT EXISTS conversations (
  id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL DEFAULT 'New Conversation',
  created_at TEXT NOT NULL DEFAULT (datetime('now', 'localtime')),
  updated_at TEXT NOT NULL DEFAULT (datetime('now', 'localtime')), is_archived INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, conversation_id INTEGER NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'system')), content TEXT NOT NULL,
  created_at TEXT NOT NULL DEFAULT (datetime('now', 'localtime')), context_snapshot_id INTEGER,
  FOREIGN KEY (conversation_id) REFERENCES conversations (id) ON DELETE CASCADE,
  FOREIGN KEY (context_snapshot_id) REFERENCES context_snapshots (id));
CREATE TABLE IF NOT EXISTS journal_entries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, entry_date TEXT NOT NULL UNIQUE, summary TEXT NOT NULL, activities TEXT,
  tasks_extracted TEXT, created_at TEXT NOT NULL DEFAULT (datetime('now', 'localtime')));
CREATE TABLE IF NOT EXISTS tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, description TEXT,
  status TEXT NOT NULL DEFAULT 'todo' CHECK (status IN ('todo', 'in_progress', 'done', 'dismissed')),
  priority TEXT DEFAULT 'medium' CHECK (priority IN ('low', 'medium', 'high')), source TEXT, source_id INTEGER,
  created_at TEXT NOT NULL DEFAULT (datetime('now', 'localtime')), completed_at TEXT);
CREATE TABLE IF NOT EXISTS memories (
  id INTEGER PRIMARY KEY AUTOINCREMENT, memory_date TEXT NOT NULL, summary TEXT NOT NULL, app_names TEXT,
  created_at TEXT NOT NULL DEFAULT (datetime('now', 'localtime')));
CREATE INDEX IF NOT EXISTS idx_context_timestamp ON context_snapshots (timestamp);
CREATE INDEX IF NOT EXISTS idx_messages_conversation ON messages (conversation_id);
CREATE INDEX IF NOT EXISTS idx_journal_date ON journal_entries (entry_date);
CREATE INDEX IF NOT EXISTS idx_tasks_status ON tasks (status);
CREATE INDEX IF NOT EXISTS idx_memories_date ON memories (memory_date);
CREATE VIRTUAL TABLE IF NOT EXISTS context_fts USING fts5 (
  app_name, window_title, focused_text, content = 'context_snapshots', content_rowid = 'id');
CREATE VIRTUAL TABLE IF NOT EXISTS messages_fts USING fts5 (content, content = 'messages', content_rowid = 'id');
CREATE VIRTUAL TABLE IF NOT EXISTS memories_fts USING fts5 (
  summary, app_names, content = 'memories', content_rowid = 'id');
CREATE TRIGGER IF NOT EXISTS context_ai AFTER INSERT ON context_snapshots BEGIN
  INSERT INTO context_fts (rowid, app_name, window_title, focused_text)
  VALUES (new.id, new.app_name, new.window_title, new.focused_text); END;
CREATE TRIGGER IF NOT EXISTS messages_ai AFTER INSERT ON messages BEGIN
  INSERT INTO messages_fts (rowid, content) VALUES (new.id, new.content); END;
CREATE TRIGGER IF NOT EXISTS memories_ai AFTER INSERT ON memories BEGIN
  INSERT INTO memories_fts (rowid, summary, app_names) VALUES (new.id, new.summary, new.app_names); END;
"""

ODD = [
    "plain words about an albatross",
    "emoji 🐦 and family 👨‍👩‍👧‍👦",
    "right to left: שלום עולם, مرحبا",
    "combining: e\u0301 n\u0303, full width: ｆｕｌｌ, 日本語の検索",
    "control: tab\there\r\nline \x01 bell \x07",
    "zero width\u200b\u200djoiner \ufeff mark",
    'quotes " \' \\ and <b>markup</b> & {"json": [1, null]}',
    "",
]
START = datetime.datetime(2025, 3, 29, 20, 0, 0)  # a night in which clocks go forward in Europe


def at(seconds):
    return (START + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")


def text_of(number):
    return f"{ODD[number % len(ODD)]} note{number}" if number % 11 else ODD[number % len(ODD)]


def fill(db, messages):
    settings = {"model_path": "/models/tiny.gguf", "n_ctx": "8192", "context_enabled": "true", "temperature": "0.7",
                "max_tokens": "2048", "agent_mode": "coder", "gemini_api_key": "AIza-planted-desktop-key-0001",
                "disabled_skills": '["screen"]', "something_unknown": "naïve ☕"}
    db.executemany("INSERT INTO settings VALUES (?, ?)", settings.items())
    db.executemany(
        "INSERT INTO context_snapshots (timestamp, app_name, window_title, focused_text, bundle_id) "
        "VALUES (?, ?, ?, ?, ?)",
        [(at(60 * i), ["Xcode", "Safari", "", None][i % 4], text_of(i), [text_of(i + 1), "", None][i % 3],
          ["com.apple.Safari", None][i % 2]) for i in range(200)])
    conversations = max(3, messages // 20)
    db.executemany(
        "INSERT INTO conversations (title, created_at, updated_at, is_archived) VALUES (?, ?, ?, ?)",
        [("New Conversation" if i % 5 == 0 else f"Talk {i}: {ODD[i % 7]}", at(i), at(100_000 + i), int(i % 17 == 3))
         for i in range(conversations)])
    add_messages(db, 0, messages, conversations)
    db.executemany(
        "INSERT INTO journal_entries (entry_date, summary, activities, tasks_extracted, created_at) "
        "VALUES (?, ?, ?, ?, ?)",
        [(f"2025-{1 + i // 28:02}-{1 + i % 28:02}", text_of(i + 1),
          json.dumps([f"did {i}", {"nested": [None, True]}, "half \ud83d of a bird"]) if i % 3 == 0 else
          (None if i % 3 == 1 else json.dumps([ODD[i % 7]], ensure_ascii=False)),
          None if i % 2 else json.dumps([f"task {i}"]), at(i)) for i in range(60)])
    db.executemany(
        "INSERT INTO tasks (title, description, status, priority, source, source_id, created_at, completed_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(f"Task {i} {ODD[i % 7]}", [None, "", text_of(i)][i % 3], ["todo", "in_progress", "done", "dismissed"][i % 4],
          ["low", "medium", "high", None][i % 4], ["manual", "journal", "chat", None][(i // 2) % 4],
          i if i % 9 == 0 else None, at(10 * i),
          (START + datetime.timedelta(days=1, seconds=i)).isoformat() + ".123456" if i % 4 == 2 else None)
         for i in range(120)])
    db.executemany(
        "INSERT INTO memories (memory_date, summary, app_names, created_at) VALUES (?, ?, ?, ?)",
        [(f"2025-02-{1 + i % 28:02}", f"Safari: {text_of(i)}\nXcode", "Safari, Xcode" if i % 2 else None, at(i))
         for i in range(40)])


def add_messages(db, first, count, conversations):
    def row(i):
        # The first message of all is said by the system, which the app hides.
        role = "system" if i == 0 else ("user" if i % 2 else "assistant")
        return (1 + (i // 2) % conversations, role, text_of(i), at(2 * i), 1 + i % 200 if i % 7 == 0 else None)
    db.executemany(
        "INSERT INTO messages (conversation_id, role, content, created_at, context_snapshot_id) VALUES (?, ?, ?, ?, ?)",
        (row(i) for i in range(first, first + count)))


def spoil(db):
    """Rows that cannot be taken over, by table; and some that can, after mending."""
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("PRAGMA ignore_check_constraints = ON")
    message = "INSERT INTO messages (conversation_id, role, content, created_at, context_snapshot_id) VALUES (?,?,?,?,?)"
    db.execute(message, (999_999, "user", "whose conversation is gone", at(1), None))
    db.execute(message, (1, "wizard", "said by nobody we know", at(1), None))
    db.execute(message, (1, "user", b"\x00\x01 bytes", at(1), None))
    db.execute(message, (1, "user", "on the 31st of February", "2025-02-31 12:00:00", None))
    db.execute(message, ("one", "user", "with a word for a number", at(1), None))
    db.execute("INSERT INTO tasks (title, status, created_at) VALUES ('Of no status', 'someday', ?)", (at(1),))
    db.execute("INSERT INTO tasks (title, status, created_at) VALUES ('Of no time', 'todo', 'soon')")
    db.execute("INSERT INTO journal_entries (entry_date, summary, created_at) VALUES ('2025-13-01', 'no day', ?)",
               (at(1),))
    db.execute("INSERT INTO journal_entries (entry_date, summary, activities, created_at) VALUES "
               "('2024-12-31', 'no array', '{\"not\": \"one\"}', ?)", (at(1),))
    db.execute("INSERT INTO memories (memory_date, summary, created_at) VALUES ('2025-02-30', 'no day', ?)", (at(1),))
    db.execute("INSERT INTO settings VALUES ('other_token', ?)", (b"planted-binary-secret",))
    # Taken over, mended:
    db.execute(message, (2, "user", "a NUL \x00 inside", at(3), None))
    db.execute("INSERT INTO messages (conversation_id, role, content, created_at) "
               "VALUES (2, 'user', CAST(x'68616c66ed a0 bd' AS TEXT), ?)".replace(" a0 bd", "a0bd"), (at(3),))
    db.execute(message, (2, "user", "whose snapshot is gone", at(3), 888_888))
    return {"left_out": {"messages": 5, "tasks": 2, "journal_entries": 2, "memories": 1, "settings": 1},
            "mended": {"messages": 3, "journal_entries": 20}}


def files(root):
    def write(name, text):
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
    write(".env", "# keys\nGEMINI_API_KEY=planted-env-0001\nexport OPENAI_API_KEY=\"planted-env-0002\"\n"
                  "GITHUB_TOKEN='planted-env-0003'\nEMPTY=\n")
    write("data/rss_feeds.json", json.dumps([{"url": "https://example.org/feed", "label": "Example",
                                              "added": "2025-03-01T10:00:00"}]))
    write("data/focus_history.json", json.dumps([{"task": "write 🐦", "duration_minutes": 25,
                                                  "started": "2025-03-01T10:00:00", "completed": "2025-03-01T10:25:00",
                                                  "status": "completed"}]))
    write("data/scheduled_tasks.json", json.dumps({"0a1b2c3d": {
        "id": "0a1b2c3d", "name": "water", "action": "Water the plants", "action_type": "notification",
        "created": "2025-03-01T10:00:00", "scheduled_for": "2025-03-02T10:00:00", "interval_seconds": None,
        "status": "scheduled", "run_count": 0}}))
    write("data/meetings/20250301_100000_Weekly_sync.txt", "We spoke about birds.\n")
    write("data/screenshots/screenshot.png", "not really a picture")
    write("data/notes_of_a_stranger.txt", "no skill keeps this")


def knowledge(folder):
    os.makedirs(folder, exist_ok=True)
    db = sqlite3.connect(os.path.join(folder, "chroma.sqlite3"))
    db.executescript("""
      CREATE TABLE collections (id TEXT PRIMARY KEY, name TEXT NOT NULL, dimension INTEGER, database_id TEXT);
      CREATE TABLE segments (id TEXT PRIMARY KEY, type TEXT NOT NULL, scope TEXT NOT NULL, collection TEXT);
      CREATE TABLE embeddings (id INTEGER PRIMARY KEY, segment_id TEXT NOT NULL, embedding_id TEXT NOT NULL,
        seq_id BLOB NOT NULL, created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
        UNIQUE (segment_id, embedding_id));
      CREATE TABLE embedding_metadata (id INTEGER REFERENCES embeddings (id), key TEXT NOT NULL, string_value TEXT,
        int_value INTEGER, float_value REAL, bool_value INTEGER, PRIMARY KEY (id, key));
      INSERT INTO collections VALUES ('c1', 'libre_bird_docs', 384, 'd'), ('c2', 'somebody_elses', 384, 'd');
      INSERT INTO segments VALUES ('s1', 'sqlite', 'METADATA', 'c1'), ('s2', 'sqlite', 'METADATA', 'c2');
    """)
    for i in range(30):
        row = db.execute("INSERT INTO embeddings (segment_id, embedding_id, seq_id, created_at) VALUES (?, ?, ?, ?)",
                         ("s1" if i < 25 else "s2", f"{i:032x}", i.to_bytes(8, "big"), "2025-03-01 10:00:00")).lastrowid
        meta = [("chroma:document", f"chunk {i} {ODD[i % 7]}", None), ("source", f"book{i // 10}.pdf", None),
                ("chunk_index", None, i % 10)]
        if i % 2:
            meta.append(("page", None, i))
        db.executemany("INSERT INTO embedding_metadata (id, key, string_value, int_value) VALUES (?, ?, ?, ?)",
                       [(row, *m) for m in meta])
    db.commit()
    db.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--more", type=int, default=0)
    parser.add_argument("--bad", action="store_true")
    parser.add_argument("--wal", action="store_true")
    parser.add_argument("--knowledge")
    args = parser.parse_args()
    os.makedirs(args.folder, exist_ok=True)
    path = os.path.join(args.folder, "libre_bird.db")
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    made = {"mended": {"journal_entries": 20}}
    if args.more:
        have, conversations = db.execute("SELECT (SELECT MAX(id) FROM messages), (SELECT COUNT(*) FROM conversations)"
                                         ).fetchone()
        add_messages(db, have, args.more, conversations)
    else:
        db.executescript(SCHEMA)
        fill(db, args.messages)
        if args.bad:
            made = spoil(db)
        files(args.folder)
        if args.knowledge:
            knowledge(args.knowledge)
    db.commit()
    tables = ["settings", "context_snapshots", "conversations", "messages", "journal_entries", "tasks", "memories"]
    made["rows"] = {name: db.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in tables}
    if args.wal:
        # What a killed app leaves: SQLite would checkpoint on closing, so the files are kept aside meanwhile.
        for name in (path, path + "-wal"):
            shutil.copyfile(name, name + ".kept")
    db.close()
    if args.wal:
        for name in (path, path + "-wal"):
            os.replace(name + ".kept", name)
        if os.path.exists(path + "-shm"):
            os.remove(path + "-shm")
    print(json.dumps(made))


if __name__ == "__main__":
    main()
