import { isOver, type Approval, type Message, type Part, type ToolProgress, type Turn, type TurnEvent } from "./types";

/** What a client holds of one turn: everything up to and including `seq` of `attempt`. */
export interface TurnView {
  turn: Turn;
  attempt: number;
  seq: number;
  parts: readonly Part[];
  /** Questions that wait for an answer. */
  approvals: readonly Approval[];
  /** How far running calls are, by call. */
  progress: Readonly<Record<string, ToolProgress>>;
  /** True once the turn is over; nothing changes it any more. */
  finished: boolean;
  /** The stored answer, known when the turn is over. */
  message: Message | null;
}

/**
 * - `applied`: the view changed.
 * - `ignored`: a duplicate, or news of something already over.
 * - `gap`: an event is missing; the view is unchanged and the caller must ask for the rest.
 * - `restarted`: a new attempt began (after a crash); it is applied, but the parts that the former attempt
 *   journaled are not in it, so the caller should ask for a snapshot.
 */
export type Outcome = "applied" | "ignored" | "gap" | "restarted";

export interface Reduced {
  view: TurnView | undefined;
  outcome: Outcome;
}

/** A turn that is known (from an acceptance or a list) but of which no event has been seen. */
export function viewOfTurn(turn: Turn): TurnView {
  return { turn, attempt: 0, seq: 0, parts: [], approvals: [], progress: {}, finished: isOver(turn.status), message: null };
}

export function reduceTurn(view: TurnView | undefined, event: TurnEvent): Reduced {
  if (view && view.turn.id !== event.turn_id) return { view, outcome: "ignored" };
  if (view?.finished) return finishAgain(view, event);

  switch (event.type) {
    case "turn.finished":
      if (view && event.attempt < view.attempt) return { view, outcome: "ignored" };
      return { view: finish(view, event), outcome: "applied" };

    case "turn.snapshot": {
      if (view && isOlder(event, view)) return { view, outcome: "ignored" };
      const next: TurnView = {
        turn: event.turn,
        attempt: event.attempt,
        seq: event.seq,
        parts: event.parts,
        approvals: event.approvals ?? [],
        progress: {},
        finished: isOver(event.turn.status),
        message: null,
      };
      return { view: next, outcome: "applied" };
    }

    case "turn.started": {
      if (view && event.attempt < view.attempt) return { view, outcome: "ignored" };
      if (view && event.attempt === view.attempt) return inOrder(view, event);
      if (event.seq !== 1) return { view, outcome: "gap" };
      const next: TurnView = {
        turn: event.turn,
        attempt: event.attempt,
        seq: 1,
        parts: [],
        approvals: [],
        progress: {},
        finished: false,
        message: null,
      };
      return { view: next, outcome: event.attempt > 1 ? "restarted" : "applied" };
    }

    default:
      if (!view || event.attempt > view.attempt) return { view, outcome: "gap" };
      if (event.attempt < view.attempt) return { view, outcome: "ignored" };
      return inOrder(view, event);
  }
}

function isOlder(event: TurnEvent, view: TurnView): boolean {
  return event.attempt < view.attempt || (event.attempt === view.attempt && event.seq < view.seq);
}

/** A view made from a finished turn alone still wants the stored message; all else is old news. */
function finishAgain(view: TurnView, event: TurnEvent): Reduced {
  if (event.type === "turn.finished" && !view.message && event.message) {
    return { view: finish(view, event), outcome: "applied" };
  }
  return { view, outcome: "ignored" };
}

function finish(view: TurnView | undefined, event: TurnEvent & { type: "turn.finished" }): TurnView {
  const parts = event.message?.parts ?? view?.parts ?? [];
  return {
    turn: event.turn,
    attempt: event.attempt,
    seq: Math.max(event.seq, view?.attempt === event.attempt ? view.seq : 0),
    parts,
    approvals: [],
    progress: {},
    finished: true,
    message: event.message,
  };
}

function inOrder(view: TurnView, event: TurnEvent): Reduced {
  if (event.seq <= view.seq) return { view, outcome: "ignored" };
  if (event.seq !== view.seq + 1) return { view, outcome: "gap" };
  return { view: { ...view, ...change(view, event), seq: event.seq }, outcome: "applied" };
}

function change(view: TurnView, event: TurnEvent): Partial<TurnView> {
  switch (event.type) {
    case "turn.started":
      return { turn: event.turn };
    case "turn.delta":
      return { parts: appendText(view.parts, event.text) };
    case "turn.tool_call":
      return { parts: [...view.parts, { type: "tool_call", call: event.call }] };
    case "turn.tool_result":
      return {
        parts: view.parts.map((part) =>
          part.type === "tool_call" && part.call.id === event.call.id ? { type: "tool_call", call: event.call } : part,
        ),
        approvals: view.approvals.filter((each) => each.call.id !== event.call.id),
      };
    case "tool.approval": {
      const others = view.approvals.filter((each) => each.id !== event.approval.id);
      return { approvals: event.approval.state === "open" ? [...others, event.approval] : others };
    }
    case "tool.progress":
      return { progress: { ...view.progress, [event.progress.call_id]: event.progress } };
    default:
      return {};
  }
}

function appendText(parts: readonly Part[], text: string): Part[] {
  const last = parts.at(-1);
  if (last?.type === "text") return [...parts.slice(0, -1), { type: "text", text: last.text + text }];
  return [...parts, { type: "text", text }];
}
