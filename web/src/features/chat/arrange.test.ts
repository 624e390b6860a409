import { describe, expect, it } from "vitest";
import { viewOfTurn, type TurnView } from "../../api/turn_reducer";
import { message, turn } from "../../api/testing";
import type { Message } from "../../api/types";
import { arrange, stoppable } from "./arrange";

const ask = (id: string, turnId: string | null = null): Message => message(id, { id, role: "user", turn_id: turnId });
const answer = (id: string, turnId: string | null): Message => message(id, { id, turn_id: turnId });
const view = (id: string, messageId: string, change: Partial<TurnView> = {}): TurnView => ({
  ...viewOfTurn(turn({ id, message_id: messageId })),
  attempt: 1,
  seq: 1,
  ...change,
});
const waiting = (id: string, messageId: string) => viewOfTurn(turn({ id, message_id: messageId, status: "queued" }));
const entry = (id: string, text: string) => ({
  client_message_id: id,
  conversation: "c1",
  content: text,
  created_at: "",
  owner: "",
  state: "waiting" as const,
  problem: null,
});

const shape = (rows: ReturnType<typeof arrange>) =>
  rows.map((row) => {
    if (row.kind === "live") return `live ${row.view.turn.id}`;
    if (row.kind === "pending") return `pending ${row.entry.content}`;
    return `${row.kind} ${row.message.id}${row.kind === "user" && row.queued ? " queued" : ""}`;
  });

describe("arrange", () => {
  it("leaves a plain conversation as it is", () => {
    const rows = arrange([ask("q1"), answer("a1", null), ask("q2"), answer("a2", null)], [], [], null);
    expect(shape(rows)).toEqual(["user q1", "assistant a1", "user q2", "assistant a2"]);
  });

  it("puts each answer below its question, though another was asked before it came", () => {
    const rows = arrange([ask("q1", "t1"), ask("q2", "t2"), answer("a1", "t1"), answer("a2", "t2")], [], [], null);
    expect(shape(rows)).toEqual(["user q1", "assistant a1", "user q2", "assistant a2"]);
  });

  it("shows what streams below its question, and what waits as queued", () => {
    const rows = arrange([ask("q1", "t1"), ask("q2", "t2")], [view("t1", "q1"), waiting("t2", "q2")], [], null);
    expect(shape(rows)).toEqual(["user q1", "live t1", "user q2 queued"]);
    expect(rows[2]).toMatchObject({ queuedTurn: "t2" });
  });

  it("knows after a reload that what follows the active turn waits", () => {
    const rows = arrange([ask("q1", "t1"), ask("q2", "t2")], [view("t1", "q1")], [], { id: "t1", status: "running" });
    expect(shape(rows)).toEqual(["user q1", "live t1", "user q2 queued"]);
  });

  it("never shows a turn twice, and keeps its key when it is stored", () => {
    const running = view("t1", "q1");
    const before = arrange([ask("q1", "t1")], [running], [], null);
    const over = view("t1", "q1", { finished: true, message: answer("a1", "t1") });
    const between = arrange([ask("q1", "t1")], [over], [], null);
    const after = arrange([ask("q1", "t1"), answer("a1", "t1")], [over], [], null);
    expect(shape(between)).toEqual(["user q1"]);
    expect(shape(after)).toEqual(["user q1", "assistant a1"]);
    expect(after[1]?.key).toBe(before[1]?.key);
  });

  it("shows a failure that left no message", () => {
    const failed = view("t1", "q1", { finished: true, turn: turn({ id: "t1", message_id: "q1", status: "failed" }) });
    expect(shape(arrange([ask("q1", "t1")], [failed], [], null))).toEqual(["user q1", "live t1"]);
  });

  it("drops the end of a turn whose question was replaced, but not one that still runs", () => {
    const gone = view("t1", "old", { finished: true, turn: turn({ id: "t1", message_id: "old", status: "cancelled" }) });
    expect(shape(arrange([ask("q2")], [gone, view("t2", "unknown")], [], null))).toEqual(["user q2", "live t2"]);
  });

  it("finds the question of a new answer to an old question", () => {
    const rows = arrange([ask("q1", "t0")], [view("t9", "q1")], [], null);
    expect(shape(rows)).toEqual(["user q1", "live t9"]);
  });

  it("keys every row by itself, even two answers of one turn", () => {
    const rows = arrange([ask("q1", "t1"), answer("a1", "t1"), answer("a2", "t1")], [], [], null);
    expect(shape(rows)).toEqual(["user q1", "assistant a1", "assistant a2"]);
    expect(new Set(rows.map((row) => row.key)).size).toBe(3);
  });

  it("ends with the outbox, without what is already there", () => {
    const known = { ...ask("q1"), client_message_id: "k1" };
    expect(shape(arrange([known], [], [entry("k1", "one"), entry("k2", "two")], null))).toEqual(["user q1", "pending two"]);
  });
});

describe("stoppable", () => {
  it("is the running turn, else the first that waits, else the active one", () => {
    expect(stoppable([waiting("t2", "q2"), view("t1", "q1")], null)).toBe("t1");
    expect(stoppable([waiting("t2", "q2")], null)).toBe("t2");
    expect(stoppable([], { id: "t3", status: "running" })).toBe("t3");
    expect(stoppable([], null)).toBeNull();
  });

  it("is not a turn that is known to be over", () => {
    expect(stoppable([view("t3", "q", { finished: true })], { id: "t3", status: "running" })).toBeNull();
  });
});
