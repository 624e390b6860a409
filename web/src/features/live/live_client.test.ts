import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { conversation, delta, finished, message, snapshot, started, turn } from "../../api/testing";
import { allMessages, keys, type MessagePages } from "./cache";
import { LiveClient } from "./live_client";

type Frame = Record<string, unknown>;

class FakeWebSocket {
  static all: FakeWebSocket[] = [];
  static get last(): FakeWebSocket {
    const socket = FakeWebSocket.all.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }
  sent: Frame[] = [];
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  constructor() {
    FakeWebSocket.all.push(this);
  }
  send(data: string) {
    this.sent.push(JSON.parse(data) as Frame);
  }
  close() {}
  say(frame: unknown) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  frames(type: string) {
    return this.sent.filter((frame) => frame.type === type);
  }
  async subscribed() {
    const frame = this.frames("subscribe").at(-1);
    this.say({ type: "subscribed", id: frame?.id, conversation_id: "c1" });
    await vi.advanceTimersByTimeAsync(0);
  }
}

class FakeEventSource {
  static CLOSED = 2;
  static all: FakeEventSource[] = [];
  readyState = 1;
  closed = false;
  onmessage = null;
  onerror: (() => void) | null = null;
  private readonly listeners = new Map<string, (event: { type: string; data: string }) => void>();
  constructor(readonly url: string) {
    FakeEventSource.all.push(this);
  }
  addEventListener(type: string, listener: (event: { type: string; data: string }) => void) {
    this.listeners.set(type, listener);
  }
  close() {
    this.closed = true;
  }
  say(event: { type: string }) {
    this.listeners.get(event.type)?.({ type: event.type, data: JSON.stringify(event) });
  }
}

const me = { user: { id: "u1" }, csrf_token: "x", server: {} };
let answer: (path: string, method: string, body: unknown) => [number, unknown];

function setup() {
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  queryClient.setQueryData<MessagePages>(keys.messages("c1"), {
    pages: [{ items: [message("q", { id: "m1", role: "user", turn_id: "t1" })], next_before: null }],
    pageParams: [null],
  });
  const options = {
    queryClient,
    userId: "u1",
    onCredentialLost: vi.fn(),
    onConversationCreated: vi.fn(),
    onConversationDeleted: vi.fn(),
  };
  const live = new LiveClient(options);
  live.start();
  const stored = () => allMessages(queryClient.getQueryData<MessagePages>(keys.messages("c1"))).map((each) => each.content);
  const text = () => live.turns.list("c1").map((view) => view.parts.map((part) => (part.type === "text" ? part.text : "")).join());
  return { live, options, queryClient, stored, text };
}

function online() {
  FakeWebSocket.last.say({ type: "hello", protocol: 1, connection_id: "x", user_id: "u1" });
  return FakeWebSocket.last;
}

let running: LiveClient | undefined;
const begin = () => {
  const made = setup();
  running = made.live;
  return made;
};

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  localStorage.clear();
  FakeWebSocket.all = [];
  FakeEventSource.all = [];
  answer = () => [200, me];
  vi.stubGlobal("WebSocket", FakeWebSocket);
  vi.stubGlobal("EventSource", FakeEventSource);
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const body: unknown = init.body ? JSON.parse(String(init.body)) : null;
    const [status, value] = answer(url.replace("/api/v1", ""), init.method ?? "GET", body);
    if (status === 0) throw new TypeError("unreachable");
    return new Response(JSON.stringify(value), { status });
  });
});
afterEach(() => {
  running?.stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("resuming", () => {
  it("asks with the cursor on a gap, once, and goes on with what is sent again", async () => {
    const { live, text } = begin();
    live.watch("c1");
    const socket = online();
    await socket.subscribed();
    for (const event of [started(1), delta(2, "a"), delta(4, "c"), delta(5, "d")]) socket.say(event);
    expect(socket.frames("subscribe")).toHaveLength(2);
    expect(socket.frames("subscribe")[1]).toMatchObject({ cursor: { turn_id: "t1", attempt: 1, seq: 2 } });
    await socket.subscribed();
    for (const event of [delta(3, "b"), delta(4, "c"), delta(5, "d")]) socket.say(event);
    expect(text()).toEqual(["abcd"]);
    expect(socket.frames("subscribe")).toHaveLength(2);
  });

  it("asks without the cursor when that does not help, and slows down", async () => {
    const { live, text } = begin();
    live.watch("c1");
    const socket = online();
    await socket.subscribed();
    for (const event of [started(1), delta(2, "a")]) socket.say(event);
    for (let round = 0; round < 6; round++) {
      socket.say(delta(9, "z"));
      await socket.subscribed();
    }
    const asked = socket.frames("subscribe");
    expect(asked.map((frame) => "cursor" in frame)).toEqual([false, true, true, false]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(socket.frames("subscribe")).toHaveLength(5);
    await socket.subscribed();
    socket.say(snapshot(9, [{ type: "text", text: "whole" }]));
    expect(text()).toEqual(["whole"]);
  });

  it("asks for a snapshot when another attempt begins", async () => {
    const { live, text } = begin();
    live.watch("c1");
    const socket = online();
    await socket.subscribed();
    for (const event of [started(1), delta(2, "a"), started(1, 2)]) socket.say(event);
    expect(socket.frames("subscribe").at(-1)).not.toHaveProperty("cursor");
    await socket.subscribed();
    socket.say(snapshot(1, [{ type: "text", text: "journaled" }], 2));
    socket.say(delta(2, " more", 2));
    expect(text()).toEqual(["journaled more"]);
  });

  it("renews the subscription with the cursor after a lost connection", async () => {
    const { live } = begin();
    live.watch("c1");
    const socket = online();
    socket.say(started(1));
    socket.say(delta(2, "a"));
    socket.onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(400);
    expect(online().frames("subscribe")[0]).toMatchObject({ cursor: { turn_id: "t1", attempt: 1, seq: 2 } });
  });

  it("stores the message of a finished turn, once", async () => {
    const { live, stored } = begin();
    live.watch("c1");
    const socket = online();
    const end = finished(2, message("answer"));
    for (const event of [started(1), end, end]) socket.say(event);
    expect(stored()).toEqual(["q", "answer"]);
  });

  it("does not listen to conversations that are not open", () => {
    const { live, text } = begin();
    const leave = live.watch("c1");
    const socket = online();
    leave();
    socket.say(started(1));
    expect(text()).toEqual([]);
    expect(socket.frames("unsubscribe")).toHaveLength(1);
  });
});

describe("sending", () => {
  it("sends again with the same id after the connection was lost before the answer", async () => {
    const { live, stored } = begin();
    const socket = online();
    live.outbox.add("c1", "hello");
    await vi.advanceTimersByTimeAsync(0);
    const id = socket.frames("send")[0]?.client_message_id;
    socket.onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(400);
    const next = online();
    await vi.advanceTimersByTimeAsync(2_000);
    const again = next.frames("send")[0];
    expect(again).toMatchObject({ client_message_id: id, content: "hello" });
    const asked = message("hello", { id: "m2", role: "user", client_message_id: String(id) });
    next.say({ type: "accepted", id: again?.id, message: asked, turn: turn({ id: "t2", status: "queued" }), duplicate: true });
    await vi.advanceTimersByTimeAsync(0);
    expect(live.outbox.list()).toEqual([]);
    expect(stored()).toContain("hello");
  });

  it("keeps a refused message with the reason", async () => {
    const { live } = begin();
    const socket = online();
    live.outbox.add("c1", "hello");
    await vi.advanceTimersByTimeAsync(0);
    const problem = { title: "Bad", status: 400, code: "invalid_argument", detail: "Too long.", retryable: false };
    socket.say({ type: "error", id: socket.frames("send")[0]?.id, problem });
    await vi.advanceTimersByTimeAsync(0);
    expect(live.outbox.list()).toMatchObject([{ state: "refused", problem: { detail: "Too long." } }]);
  });
});

describe("without a WebSocket", () => {
  async function fail(times: number) {
    for (let i = 0; i < times; i++) {
      FakeWebSocket.last.onclose?.({ code: 1006 });
      await vi.advanceTimersByTimeAsync(1_500);
    }
  }

  it("sends by REST and follows the turn by server-sent events after three failures", async () => {
    const { live, text, stored } = begin();
    live.watch("c1");
    const asked = message("hello", { id: "m2", role: "user" });
    answer = (path, method) => {
      if (method === "POST") return [202, { message: asked, turn: turn({ status: "queued", message_id: "m2" }) }];
      return [200, path === "/me" ? me : conversation()];
    };
    await fail(2);
    expect(live.connection).toBe("connecting");
    await fail(1);
    expect(live.connection).toBe("limited");
    live.outbox.add("c1", "hello");
    await vi.advanceTimersByTimeAsync(10);
    const stream = FakeEventSource.all[0];
    expect(stream?.url).toBe("/api/v1/turns/t1/events");
    stream?.say(started(1));
    stream?.say(delta(2, "hey"));
    expect(text()).toEqual(["hey"]);
    stream?.say(finished(3, message("hey")));
    expect(stored()).toEqual(expect.arrayContaining(["q", "hello", "hey"]));
    expect(stream?.closed).toBe(true);
  });

  it("is offline when nothing answers, and returns to the WebSocket when it can", async () => {
    const { live } = begin();
    answer = () => [0, null];
    await fail(3);
    expect(live.connection).toBe("offline");
    online();
    expect(live.connection).toBe("online");
  });

  it("leaves the streams when the WebSocket comes back", async () => {
    const { live } = begin();
    live.watch("c1");
    answer = (path) => [200, path === "/me" ? me : conversation({ active_turn: { id: "t1", status: "running" } })];
    await fail(3);
    await vi.advanceTimersByTimeAsync(10);
    expect(FakeEventSource.all).toHaveLength(1);
    online();
    expect(FakeEventSource.all[0]?.closed).toBe(true);
    expect(live.connection).toBe("online");
  });
});

describe("news of the list", () => {
  it("tells of a deleted conversation and of a lost credential", () => {
    const { options } = begin();
    const socket = online();
    socket.say({ type: "conversation.deleted", conversation_id: "c1" });
    expect(options.onConversationDeleted).toHaveBeenCalledWith("c1");
    socket.onclose?.({ code: 4401 });
    expect(options.onCredentialLost).toHaveBeenCalledOnce();
  });

  it("adds a message written elsewhere", () => {
    const { live, stored } = begin();
    live.watch("c1");
    online().say({
      type: "message.created",
      message: message("from the phone", { id: "m2", role: "user" }),
      turn: turn({ id: "t2", message_id: "m2", status: "queued" }),
    });
    expect(stored()).toEqual(["q", "from the phone"]);
    expect(live.turns.list("c1").map((view) => view.turn.id)).toEqual(["t2"]);
  });
});
