import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoffMs, ConnectionLost, FrameRefused, LiveSocket, type SocketHandlers, type WireSocket } from "./socket";
import { delta, message, turn } from "./testing";
import type { Cursor } from "./types";

class FakeSocket implements WireSocket {
  readyState = 1;
  sent: Record<string, unknown>[] = [];
  closedWith: number | undefined;
  onopen = null;
  onmessage: WireSocket["onmessage"] = null;
  onclose: WireSocket["onclose"] = null;
  onerror: WireSocket["onerror"] = null;
  send(data: string) {
    this.sent.push(JSON.parse(data) as Record<string, unknown>);
  }
  close(code?: number) {
    this.closedWith = code ?? 1005;
  }
  say(frame: unknown) {
    this.onmessage?.({ data: typeof frame === "string" ? frame : JSON.stringify(frame) });
  }
  hello() {
    this.say({ type: "hello", protocol: 1, connection_id: "x", user_id: "u" });
  }
  end(code = 1006) {
    this.onclose?.({ code });
  }
  last(type: string) {
    return this.sent.filter((frame) => frame.type === type).at(-1);
  }
}

function setup(cursors: Record<string, Cursor> = {}) {
  const sockets: FakeSocket[] = [];
  const handlers = {
    onState: vi.fn(),
    onHello: vi.fn(),
    onTurnEvent: vi.fn(),
    onListEvent: vi.fn(),
    onFailedAttempt: vi.fn(),
    onCredentialLost: vi.fn(),
    cursorOf: (id: string) => cursors[id],
  } satisfies SocketHandlers;
  const live = new LiveSocket(handlers, {
    url: "ws://x/ws",
    random: () => 0.5,
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
  });
  live.start();
  const now = () => {
    const socket = sockets.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  };
  return { live, handlers, sockets, now, cursors };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("back-off", () => {
  it("doubles up to a limit, and never waits less than half of it", () => {
    const low = [1, 2, 3, 4, 20].map((failures) => backoffMs(failures, () => 0));
    const high = [1, 2, 3, 4, 20].map((failures) => backoffMs(failures, () => 1));
    expect(low).toEqual([200, 400, 800, 1600, 15_000]);
    expect(high).toEqual([400, 800, 1600, 3200, 30_000]);
  });
});

describe("connecting", () => {
  it("is online only after the hello", () => {
    const { live, handlers, now } = setup();
    expect(live.online).toBe(false);
    now().hello();
    expect(live.online).toBe(true);
    expect(handlers.onHello).toHaveBeenCalledWith(expect.objectContaining({ type: "hello" }), true);
    expect(handlers.onState.mock.calls.flat()).toEqual(["connecting", "online"]);
  });

  it("counts failures, waits longer each time, and starts anew after a success", () => {
    const { handlers, sockets, now } = setup();
    for (const wait of [300, 600, 1200]) {
      now().end();
      const count = sockets.length;
      vi.advanceTimersByTime(wait - 1);
      expect(sockets).toHaveLength(count);
      vi.advanceTimersByTime(1);
      expect(sockets).toHaveLength(count + 1);
    }
    expect(handlers.onFailedAttempt.mock.calls.flat()).toEqual([1, 2, 3]);
    now().hello();
    now().end();
    vi.advanceTimersByTime(200);
    now().end();
    expect(handlers.onFailedAttempt).toHaveBeenLastCalledWith(1);
  });

  it("gives up on a server that opens but never greets", () => {
    const { handlers } = setup();
    vi.advanceTimersByTime(10_000);
    expect(handlers.onFailedAttempt).toHaveBeenCalledWith(1);
  });

  it("does not try again without a credential", () => {
    const { handlers, sockets, now } = setup();
    now().hello();
    now().end(4401);
    vi.advanceTimersByTime(120_000);
    expect(handlers.onCredentialLost).toHaveBeenCalledOnce();
    expect(sockets).toHaveLength(1);
  });

  it("reconnects soon when it was too slow (4408)", () => {
    const { sockets, now } = setup();
    now().hello();
    now().end(4408);
    vi.advanceTimersByTime(400);
    expect(sockets).toHaveLength(2);
  });

  it("stays closed after stop", () => {
    const { live, sockets, now } = setup();
    now().hello();
    live.stop();
    vi.advanceTimersByTime(120_000);
    expect(sockets).toHaveLength(1);
    expect(now().closedWith).toBe(1000);
  });

  it("ignores what an abandoned socket still says", () => {
    const { handlers, sockets, now } = setup();
    const first = now();
    first.hello();
    first.end();
    vi.advanceTimersByTime(400);
    first.say(delta(1, "ghost"));
    expect(sockets).toHaveLength(2);
    expect(handlers.onTurnEvent).not.toHaveBeenCalled();
  });
});

describe("subscriptions", () => {
  it("wait for the connection, and are renewed with the cursor at each one", () => {
    const cursors: Record<string, Cursor> = {};
    const { live, now } = setup(cursors);
    live.subscribe("c1");
    expect(now().sent).toEqual([]);
    now().hello();
    expect(now().last("subscribe")).toEqual({ type: "subscribe", id: "1", conversation_id: "c1" });
    cursors.c1 = { turn_id: "t1", attempt: 1, seq: 7 };
    now().end();
    vi.advanceTimersByTime(400);
    now().hello();
    expect(now().last("subscribe")).toMatchObject({ conversation_id: "c1", cursor: { turn_id: "t1", attempt: 1, seq: 7 } });
  });

  it("can be asked for anew without a position", async () => {
    const { live, now } = setup({ c1: { turn_id: "t1", attempt: 1, seq: 7 } });
    live.subscribe("c1");
    now().hello();
    const asked = live.resubscribe("c1", false);
    const frame = now().last("subscribe");
    expect(frame).not.toHaveProperty("cursor");
    now().say({ type: "subscribed", id: frame?.id, conversation_id: "c1" });
    await expect(asked).resolves.toBe(true);
  });

  it("end with unsubscribe and are not renewed", () => {
    const { live, now } = setup();
    live.subscribe("c1");
    now().hello();
    live.unsubscribe("c1");
    expect(now().last("unsubscribe")).toMatchObject({ conversation_id: "c1" });
    now().end();
    vi.advanceTimersByTime(400);
    now().hello();
    expect(now().sent).toEqual([]);
  });
});

describe("frames", () => {
  const accepted = { type: "accepted", message: message("hi", { role: "user" }), turn: turn(), duplicate: false };

  it("are matched to their answers, in whatever order these come", async () => {
    const { live, now } = setup();
    now().hello();
    const [a, b] = [live.send("c1", "a", "k1"), live.send("c1", "b", "k2")];
    now().say({ ...accepted, id: "2", duplicate: true });
    now().say({ ...accepted, id: "1" });
    expect((await a).duplicate).toBe(false);
    expect((await b).duplicate).toBe(true);
  });

  it("that are refused carry the server's problem", async () => {
    const { live, now } = setup();
    now().hello();
    const sent = live.send("c1", "a", "k1");
    now().say({ type: "error", id: "1", problem: { title: "Too Large", status: 413, code: "too_large", detail: "Shorten it." } });
    await expect(sent).rejects.toThrow(FrameRefused);
    await expect(sent).rejects.toThrow("Shorten it.");
    expect(live.online).toBe(true);
  });

  it("fail at once without a connection, and when the connection ends", async () => {
    const { live, now } = setup();
    await expect(live.send("c1", "a", "k1")).rejects.toThrow(ConnectionLost);
    now().hello();
    const sent = live.send("c1", "a", "k1");
    now().end();
    await expect(sent).rejects.toThrow(ConnectionLost);
  });

  it("without an answer prove the connection dead", async () => {
    const { live, sockets, now } = setup();
    now().hello();
    const sent = live.send("c1", "a", "k1");
    const failed = expect(sent).rejects.toThrow(ConnectionLost);
    await vi.advanceTimersByTimeAsync(15_000);
    await failed;
    await vi.advanceTimersByTimeAsync(400);
    expect(sockets).toHaveLength(2);
    expect(live.online).toBe(false);
  });

  it("that nobody asked for do no harm", () => {
    const { handlers, now } = setup();
    now().hello();
    now().say({ type: "pong", id: "99" });
    now().say({ type: "error", problem: { title: "?", status: 400, code: "?", detail: "" } });
    now().say({ type: "from.the.future", value: 1 });
    now().hello();
    expect(handlers.onHello).toHaveBeenCalledOnce();
  });

  it("that are not JSON end the connection", () => {
    const { live, now } = setup();
    now().hello();
    now().say("{oops");
    expect(live.online).toBe(false);
  });

  it("are handed on by kind", () => {
    const { handlers, now } = setup();
    now().hello();
    now().say(delta(2, "x"));
    now().say({ type: "conversation.deleted", conversation_id: "c1" });
    expect(handlers.onTurnEvent).toHaveBeenCalledWith(delta(2, "x"));
    expect(handlers.onListEvent).toHaveBeenCalledWith({ type: "conversation.deleted", conversation_id: "c1" });
  });

  it("a missing pong ends a dead connection", async () => {
    const { live, now } = setup();
    now().hello();
    await vi.advanceTimersByTimeAsync(25_000);
    expect(now().last("ping")).toBeDefined();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(live.online).toBe(false);
  });
});
