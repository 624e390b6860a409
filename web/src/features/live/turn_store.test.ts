import { describe, expect, it, vi } from "vitest";
import { delta, finished, message, snapshot, started, turn } from "../../api/testing";
import { TurnStore } from "./turn_store";

const frame = () => new Promise<void>((resolve) => requestAnimationFrame(() => resolve()));

describe("TurnStore", () => {
  it("tells its readers once per frame, however many tokens came", async () => {
    const store = new TurnStore();
    const told = vi.fn();
    store.listen("c1", told);
    store.apply(started(1));
    for (let seq = 2; seq < 200; seq++) store.apply(delta(seq, "x"));
    expect(told).not.toHaveBeenCalled();
    await frame();
    await frame();
    expect(told).toHaveBeenCalledOnce();
    expect(store.list("c1")[0]?.parts).toEqual([{ type: "text", text: "x".repeat(198) }]);
  });

  it("tells the end at once", () => {
    const store = new TurnStore();
    const told = vi.fn();
    store.listen("c1", told);
    store.apply(finished(1, message("x")));
    expect(told).toHaveBeenCalledOnce();
  });

  it("resumes from the turn under way, and from none before it began or after it ended", () => {
    const store = new TurnStore();
    store.note(turn({ status: "queued" }));
    expect(store.cursorOf("c1")).toBeUndefined();
    store.apply(started(1));
    store.apply(delta(2, "x"));
    expect(store.cursorOf("c1")).toEqual({ turn_id: "t1", attempt: 1, seq: 2 });
    store.apply(finished(3, null));
    expect(store.cursorOf("c1")).toBeUndefined();
  });

  it("does not let an acceptance that comes late undo what streamed", () => {
    const store = new TurnStore();
    store.apply(started(1));
    store.apply(delta(2, "x"));
    store.note(turn({ status: "queued" }));
    expect(store.list("c1")[0]).toMatchObject({ seq: 2 });
  });

  it("keeps the same list until something changes", () => {
    const store = new TurnStore();
    store.apply(started(1));
    const list = store.list("c1");
    expect(store.apply(delta(9, "gap"))).toBe("gap");
    expect(store.apply(started(1))).toBe("ignored");
    expect(store.list("c1")).toBe(list);
  });

  it("forgets what had not begun after a lost connection, and all when asked", () => {
    const store = new TurnStore();
    store.note(turn({ id: "t2", status: "queued" }));
    store.apply(snapshot(4, []));
    store.forgetUnstarted("c1");
    expect(store.list("c1").map((view) => view.turn.id)).toEqual(["t1"]);
    store.forget("c1");
    expect(store.list("c1")).toEqual([]);
  });
});
