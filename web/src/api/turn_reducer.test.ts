import { describe, expect, it } from "vitest";
import { reduceTurn, viewOfTurn, type TurnView } from "./turn_reducer";
import { approval, asked, delta, finished, message, progressed, snapshot, started, toolCall, toolResult, turn } from "./testing";
import type { TurnEvent } from "./types";

function play(events: TurnEvent[], from?: TurnView) {
  let view = from;
  const outcomes = events.map((event) => {
    const result = reduceTurn(view, event);
    view = result.view;
    return result.outcome;
  });
  return { view, outcomes };
}

const text = (view: TurnView | undefined) =>
  view?.parts.map((part) => (part.type === "text" ? part.text : `<${part.call.name}:${part.call.status}>`)).join("|");

const whole = [
  started(1),
  delta(2, "Hel"),
  delta(3, "lo"),
  toolCall(4, "c1"),
  toolResult(5, "c1"),
  delta(6, "Bye"),
  finished(7, message("Hello\n\nBye")),
];

describe("a turn in order", () => {
  it("appends text, begins a part after a tool call, and puts the result in place", () => {
    const { view, outcomes } = play(whole.slice(0, 6));
    expect(outcomes).toEqual(Array(6).fill("applied"));
    expect(text(view)).toBe("Hello|<get_weather:ok>|Bye");
    expect(view).toMatchObject({ attempt: 1, seq: 6, finished: false });
  });

  it("ends with the stored message", () => {
    const { view } = play(whole);
    expect(view).toMatchObject({ finished: true, seq: 7, message: { content: "Hello\n\nBye" } });
  });

  it("does not change a view it was given", () => {
    const before = play(whole.slice(0, 3)).view;
    const frozen = JSON.stringify(before);
    reduceTurn(before, delta(4, "!"));
    expect(JSON.stringify(before)).toBe(frozen);
  });

  it("passes over a result of a call it never saw", () => {
    const { view, outcomes } = play([started(1), toolResult(2, "unknown")]);
    expect(outcomes).toEqual(["applied", "applied"]);
    expect(view).toMatchObject({ parts: [], seq: 2 });
  });

  it("begins from a turn that was only known to be queued", () => {
    expect(play([started(1), delta(2, "a")], viewOfTurn(turn({ status: "queued" }))).outcomes).toEqual([
      "applied",
      "applied",
    ]);
  });
});

describe("a stream that is not in order", () => {
  it("ignores duplicates, each and all", () => {
    const doubled = whole.flatMap((event) => [event, event]);
    const { view, outcomes } = play(doubled);
    expect(outcomes.filter((outcome) => outcome === "applied")).toHaveLength(whole.length);
    expect(view?.message?.content).toBe("Hello\n\nBye");
  });

  it("ignores a whole replay", () => {
    const first = play(whole.slice(0, 5)).view;
    const { view, outcomes } = play(whole.slice(0, 5), first);
    expect(new Set(outcomes)).toEqual(new Set(["ignored"]));
    expect(view).toBe(first);
  });

  it("reports a gap and keeps what it holds", () => {
    const held = play(whole.slice(0, 2)).view;
    const { view, outcome } = reduceTurn(held, delta(4, "late"));
    expect(outcome).toBe("gap");
    expect(view).toBe(held);
  });

  it("reports a gap when two events are swapped, then takes both from the resumed stream", () => {
    const { view, outcomes } = play([started(1), delta(3, "b"), delta(2, "a"), delta(3, "b")]);
    expect(outcomes).toEqual(["applied", "gap", "applied", "applied"]);
    expect(text(view)).toBe("ab");
  });

  it("reports a gap for a turn it joins in the middle", () => {
    expect(reduceTurn(undefined, delta(9, "x"))).toEqual({ view: undefined, outcome: "gap" });
    expect(reduceTurn(undefined, started(2)).outcome).toBe("gap");
  });

  it("ignores events of another turn", () => {
    const held = play([started(1)]).view;
    expect(reduceTurn(held, { ...delta(2, "x"), turn_id: "other" })).toEqual({ view: held, outcome: "ignored" });
  });

  it("arrives at the same text however the stream is cut and resumed", () => {
    for (let cut = 1; cut < whole.length; cut++) {
      for (let resume = 0; resume <= cut; resume++) {
        const { view, outcomes } = play([...whole.slice(0, cut), ...whole.slice(resume)]);
        expect(outcomes).not.toContain("gap");
        expect(view).toMatchObject({ finished: true, seq: 7 });
      }
    }
  });
});

describe("snapshots", () => {
  const parts = [{ type: "text" as const, text: "Hello there" }];

  it("replace what is held, and the stream goes on after them", () => {
    const { view, outcomes } = play([started(1), delta(2, "x"), snapshot(8, parts), delta(9, "!")]);
    expect(outcomes).toEqual(["applied", "applied", "applied", "applied"]);
    expect(text(view)).toBe("Hello there!");
  });

  it("stand in for a turn never seen", () => {
    expect(text(play([snapshot(8, parts), delta(8, "dup"), delta(9, "!")]).view)).toBe("Hello there!");
  });

  it("are ignored when older than what is held", () => {
    const held = play(whole.slice(0, 6)).view;
    expect(reduceTurn(held, snapshot(3, []))).toEqual({ view: held, outcome: "ignored" });
  });

  it("of a later attempt replace even with a smaller position", () => {
    const held = play(whole.slice(0, 6)).view;
    const { view, outcome } = reduceTurn(held, snapshot(1, parts, 2));
    expect(outcome).toBe("applied");
    expect(view).toMatchObject({ attempt: 2, seq: 1, parts });
  });

  it("of a former attempt are ignored", () => {
    const held = play([snapshot(1, parts, 2)]).view;
    expect(reduceTurn(held, snapshot(50, [], 1)).outcome).toBe("ignored");
  });

  it("of a turn that is over end it", () => {
    expect(play([snapshot(5, parts, 1, turn({ status: "failed" }))]).view?.finished).toBe(true);
  });
});

describe("another attempt", () => {
  it("starts over and asks for what the former one journaled", () => {
    const { view, outcomes } = play([...whole.slice(0, 3), started(1, 2), delta(2, "again", 2)]);
    expect(outcomes.slice(3)).toEqual(["restarted", "applied"]);
    expect(view).toMatchObject({ attempt: 2, seq: 2 });
    expect(text(view)).toBe("again");
  });

  it("is a gap when its start was missed", () => {
    const held = play(whole.slice(0, 3)).view;
    expect(reduceTurn(held, delta(2, "x", 2))).toEqual({ view: held, outcome: "gap" });
    expect(reduceTurn(held, delta(4, "x", 2)).outcome).toBe("gap");
  });

  it("makes late events of the former one worthless", () => {
    const held = play([started(1), started(1, 2)]).view;
    expect(play([delta(2, "old"), started(1), finished(3, message("old"))], held).outcomes).toEqual([
      "ignored",
      "ignored",
      "ignored",
    ]);
  });
});

describe("the end", () => {
  it("cannot be undone by anything", () => {
    const over = play(whole).view;
    const late = [started(1), delta(8, "x"), toolCall(8, "c9"), snapshot(99, []), started(1, 2), delta(2, "x", 2), finished(8, null)];
    const { view, outcomes } = play(late, over);
    expect(new Set(outcomes)).toEqual(new Set(["ignored"]));
    expect(view).toBe(over);
  });

  it("is believed although events before it are missing, as it is whole", () => {
    const { view, outcomes } = play([started(1), finished(40, message("All of it"))]);
    expect(outcomes).toEqual(["applied", "applied"]);
    expect(view).toMatchObject({ finished: true, seq: 40, parts: [{ type: "text", text: "All of it" }] });
  });

  it("may be all that is ever told of a turn", () => {
    expect(play([finished(7, message("x"))]).view).toMatchObject({ finished: true, message: { content: "x" } });
  });

  it("keeps what was streamed when nothing was stored", () => {
    const { view } = play([started(1), delta(2, "half"), finished(3, null, turn({ status: "failed" }))]);
    expect(text(view)).toBe("half");
    expect(view).toMatchObject({ finished: true, message: null, turn: { status: "failed" } });
  });

  it("brings the message to a turn that was known to be over without it", () => {
    const known = viewOfTurn(turn({ status: "done" }));
    expect(known.finished).toBe(true);
    expect(reduceTurn(known, finished(7, message("x"))).outcome).toBe("applied");
    expect(reduceTurn(known, delta(2, "x")).outcome).toBe("ignored");
  });
});

describe("questions and progress", () => {
  it("stand until they are answered", () => {
    const open = play([started(1), toolCall(2, "c1"), asked(3)]);
    expect(open.view?.approvals.map((each) => each.id)).toEqual(["q1"]);
    const closed = play([started(1), toolCall(2, "c1"), asked(3), asked(4, { state: "granted", decision: "once" })]);
    expect(closed.view?.approvals).toEqual([]);
    expect(closed.view?.seq).toBe(4);
  });

  it("are numbered like everything else", () => {
    expect(play([started(1), asked(3)]).outcomes).toEqual(["applied", "gap"]);
    expect(play([started(1), asked(2), asked(2)]).outcomes).toEqual(["applied", "applied", "ignored"]);
  });

  it("come with a snapshot, and go with the end, another attempt or the call's result", () => {
    const whole = { ...snapshot(9, []), approvals: [approval()] } as TurnEvent;
    expect(play([whole]).view?.approvals).toHaveLength(1);
    expect(play([whole, finished(10, message("x"))]).view?.approvals).toEqual([]);
    expect(play([whole, started(1, 2)]).view?.approvals).toEqual([]);
    expect(play([started(1), toolCall(2, "c1"), asked(3), toolResult(4, "c1")]).view?.approvals).toEqual([]);
    expect(play([snapshot(9, [])]).view?.approvals).toEqual([]);
  });

  it("keep the last word of a call on how far it is", () => {
    const { view } = play([started(1), progressed(2, 0.1, "a"), progressed(3, null, "b")]);
    expect(view?.progress).toEqual({ c1: { call_id: "c1", fraction: null, message: "b" } });
  });
});
