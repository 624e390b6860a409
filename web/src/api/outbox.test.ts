import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { adoptAfterMs, Outbox, type Delivery, type OutboxEntry, type OutboxOptions } from "./outbox";
import { message, turn } from "./testing";

const accepted: Delivery = { kind: "accepted", accepted: { message: message("x", { role: "user" }), turn: turn() } };

class MemoryStorage {
  map = new Map<string, string>();
  full = false;
  get length() {
    return this.map.size;
  }
  key(index: number) {
    return [...this.map.keys()][index] ?? null;
  }
  getItem(key: string) {
    return this.map.get(key) ?? null;
  }
  setItem(key: string, value: string) {
    if (this.full) throw new DOMException("full", "QuotaExceededError");
    this.map.set(key, value);
  }
  removeItem(key: string) {
    this.map.delete(key);
  }
}

function setup(change: Partial<OutboxOptions> = {}, storage = new MemoryStorage()) {
  const delivered: OutboxEntry[] = [];
  const answers: (Delivery | Error)[] = [];
  const options: OutboxOptions = {
    storage,
    userId: "u1",
    tabId: "tab1",
    deliver: async (entry) => {
      delivered.push(entry);
      const answer = answers.shift() ?? accepted;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    createConversation: vi.fn(async () => ({ kind: "created" as const, id: "c9" })),
    onAccepted: vi.fn(),
    onConversationCreated: vi.fn(),
    onChange: vi.fn(),
    ...change,
  };
  return { outbox: new Outbox(options), options, storage, delivered, answers };
}

const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("outbox", () => {
  it("keeps a message until there is a connection, then sends it once", async () => {
    const { outbox, storage, delivered, options } = setup();
    const entry = outbox.add("c1", "hello");
    await settle(60_000);
    expect(delivered).toEqual([]);
    expect(storage.length).toBe(1);
    outbox.setConnected(true);
    await settle(60_000);
    expect(delivered.map((each) => each.client_message_id)).toEqual([entry.client_message_id]);
    expect(options.onAccepted).toHaveBeenCalledOnce();
    expect(outbox.list()).toEqual([]);
    expect(storage.length).toBe(0);
  });

  it("sends again with the same id after a lost connection, until accepted", async () => {
    const { outbox, delivered, answers } = setup();
    answers.push({ kind: "unreachable" }, new Error("boom"), accepted);
    outbox.setConnected(true);
    outbox.add("c1", "hello");
    await settle(10_000);
    expect(delivered).toHaveLength(3);
    expect(new Set(delivered.map((each) => each.client_message_id)).size).toBe(1);
    expect(outbox.list()).toEqual([]);
  });

  it("survives a reload with the same id and order", async () => {
    const first = setup();
    const ids = ["one", "two", "three"].map((text) => first.outbox.add("c1", text).client_message_id);
    first.outbox.stop();
    const second = setup({}, first.storage);
    second.outbox.setConnected(true);
    await settle(1000);
    expect(second.delivered.map((each) => each.client_message_id)).toEqual(ids);
    expect(second.delivered.map((each) => each.content)).toEqual(["one", "two", "three"]);
  });

  it("keeps the order in a conversation, and lets others pass", async () => {
    const log: string[] = [];
    let release: (value: Delivery) => void = () => {};
    const { outbox } = setup({
      deliver: (entry) => {
        log.push(entry.content);
        if (entry.content === "a1") return new Promise((resolve) => (release = resolve));
        return Promise.resolve(accepted);
      },
    });
    outbox.setConnected(true);
    outbox.add("a", "a1");
    outbox.add("a", "a2");
    outbox.add("b", "b1");
    await settle(5000);
    expect(log).toEqual(["a1", "b1"]);
    release(accepted);
    await settle();
    expect(log).toEqual(["a1", "b1", "a2"]);
  });

  it("waits as long as the server asks", async () => {
    const { outbox, delivered, answers } = setup();
    answers.push({ kind: "later", afterMs: 7000 });
    outbox.setConnected(true);
    outbox.add("c1", "hello");
    await settle(6999);
    expect(delivered).toHaveLength(1);
    await settle(1);
    expect(delivered).toHaveLength(2);
  });

  it("keeps a refused message for the user to decide, and sends the next", async () => {
    const { outbox, storage, delivered, answers } = setup();
    answers.push({ kind: "refused", problem: { detail: "Too long." } });
    outbox.setConnected(true);
    const bad = outbox.add("c1", "bad");
    outbox.add("c1", "good");
    await settle(60_000);
    expect(delivered.map((each) => each.content)).toEqual(["bad", "good"]);
    expect(outbox.list()).toMatchObject([{ content: "bad", state: "refused", problem: { detail: "Too long." } }]);
    expect(storage.length).toBe(1);
    outbox.retry(bad.client_message_id);
    await settle();
    expect(delivered.at(-1)?.client_message_id).toBe(bad.client_message_id);
    expect(outbox.list()).toEqual([]);
  });

  it("does not bring back what was taken back while under way", async () => {
    const { outbox, storage, answers } = setup();
    answers.push({ kind: "refused", problem: { detail: "no" } });
    outbox.setConnected(true);
    const entry = outbox.add("c1", "hello");
    outbox.remove(entry.client_message_id);
    await settle(5000);
    expect(outbox.list()).toEqual([]);
    expect(storage.length).toBe(0);
  });

  it("makes the conversation of a new chat once, for all that waits for it", async () => {
    const { outbox, options, delivered } = setup();
    outbox.add("new:1", "one");
    outbox.add("new:1", "two");
    outbox.setConnected(true);
    await settle(100);
    expect(options.createConversation).toHaveBeenCalledOnce();
    expect(options.onConversationCreated).toHaveBeenCalledWith("new:1", "c9");
    expect(delivered.map((each) => [each.conversation, each.content])).toEqual([
      ["c9", "one"],
      ["c9", "two"],
    ]);
  });

  it("remembers a conversation that was made although the message did not get through", async () => {
    const first = setup();
    first.answers.push({ kind: "unreachable" });
    first.outbox.setConnected(true);
    first.outbox.add("new:1", "one");
    await settle(100);
    first.outbox.stop();
    const second = setup({}, first.storage);
    second.outbox.setConnected(true);
    await settle(100);
    expect(second.options.createConversation).not.toHaveBeenCalled();
    expect(second.delivered).toMatchObject([{ conversation: "c9", content: "one" }]);
  });

  it("leaves another tab's message alone until it seems abandoned", async () => {
    const first = setup({ tabId: "other" });
    first.outbox.add("c1", "hello");
    const second = setup({ tabId: "mine" }, first.storage);
    second.outbox.setConnected(true);
    await settle(adoptAfterMs - 1);
    expect(second.delivered).toEqual([]);
    await settle(2);
    expect(second.delivered).toHaveLength(1);
  });

  it("follows what other tabs do to the storage", () => {
    const { outbox, storage } = setup();
    outbox.add("c1", "hello");
    storage.map.clear();
    outbox.sync();
    expect(outbox.list()).toEqual([]);
  });

  it("still sends when nothing can be stored", async () => {
    const { outbox, storage, delivered } = setup();
    storage.full = true;
    outbox.add("c1", "hello");
    outbox.sync();
    outbox.setConnected(true);
    await settle();
    expect(delivered).toHaveLength(1);
  });

  it("passes over garbage and other users' entries", () => {
    const storage = new MemoryStorage();
    storage.map.set("librebird.outbox.u1.a", "{oops");
    storage.map.set("librebird.outbox.u1.b", JSON.stringify({ client_message_id: "b" }));
    storage.map.set("librebird.outbox.u2.c", JSON.stringify({ client_message_id: "c", conversation: "x", content: "y", created_at: "z" }));
    expect(setup({}, storage).outbox.list()).toEqual([]);
  });

  it("forgets all on sign-out", () => {
    const { outbox, storage } = setup();
    outbox.add("c1", "hello");
    outbox.clear();
    expect(storage.length).toBe(0);
  });
});
