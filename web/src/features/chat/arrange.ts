import type { OutboxEntry } from "../../api/outbox";
import type { TurnView } from "../../api/turn_reducer";
import type { Conversation, Message } from "../../api/types";

export type Row =
  | { kind: "user"; key: string; message: Message; queuedTurn: string | null; queued: boolean }
  | { kind: "assistant"; key: string; message: Message }
  | { kind: "live"; key: string; view: TurnView }
  | { kind: "pending"; key: string; entry: OutboxEntry };

/**
 * The conversation as it reads: every answer right below its question, even when further questions were
 * asked meanwhile; then what still waits to be accepted.
 */
export function arrange(
  messages: readonly Message[],
  turns: readonly TurnView[],
  outbox: readonly OutboxEntry[],
  active: Conversation["active_turn"],
): Row[] {
  const answered = new Set(messages.filter((each) => each.role === "assistant").map((each) => each.turn_id));
  const shown = turns.filter((view) => isShown(view, answered));
  const questions = new Set(messages.filter((each) => each.role === "user").map((each) => each.id));
  const byTurn = new Map(messages.filter((each) => each.role === "user" && each.turn_id).map((each) => [each.turn_id, each.id]));
  for (const view of turns) if (questions.has(view.turn.message_id)) byTurn.set(view.turn.id, view.turn.message_id);

  const below = new Map<string, Row[]>();
  const loose: Row[] = [];
  const put = (questionId: string | undefined, row: Row, otherwise: Row[]) => {
    if (questionId === undefined) otherwise.push(row);
    else below.set(questionId, [...(below.get(questionId) ?? []), row]);
  };

  const top: (Row | { question: Message })[] = [];
  const seen = new Set<string>();
  for (const message of messages) {
    if (message.role === "user") {
      seen.add(message.id);
      top.push({ question: message });
      continue;
    }
    const question = message.turn_id === null ? undefined : byTurn.get(message.turn_id);
    const row: Row = { kind: "assistant", key: rowKey(message.turn_id, message.id), message };
    put(question !== undefined && seen.has(question) ? question : undefined, row, top as Row[]);
  }
  for (const view of shown) {
    const question = byTurn.get(view.turn.id);
    // The end of a turn whose question has left the conversation is of no interest.
    if (question === undefined && view.finished) continue;
    if (isWaiting(view) && question !== undefined) continue;
    put(question, { kind: "live", key: rowKey(view.turn.id, view.turn.id), view }, loose);
  }

  const waiting = new Map(turns.filter(isWaiting).map((view) => [view.turn.message_id, view.turn.id]));
  const activeQuestion = active ? byTurn.get(active.id) : undefined;
  let afterActive = false;
  const rows: Row[] = [];
  for (const item of top) {
    if (!("question" in item)) {
      rows.push(item);
      continue;
    }
    const { question } = item;
    const answers = below.get(question.id) ?? [];
    const queuedTurn = waiting.get(question.id) ?? null;
    const queued = answers.length === 0 && (queuedTurn !== null || afterActive);
    rows.push({ kind: "user", key: question.id, message: question, queuedTurn, queued }, ...answers);
    if (question.id === activeQuestion) afterActive = true;
  }
  for (const entry of outbox) {
    if (messages.some((message) => message.client_message_id === entry.client_message_id)) continue;
    loose.push({ kind: "pending", key: entry.client_message_id, entry });
  }
  return withOwnKeys([...rows, ...loose]);
}

/** Should one turn ever hold two answers, the second is keyed by itself. */
function withOwnKeys(rows: Row[]): Row[] {
  const used = new Set<string>();
  return rows.map((row) => {
    const key = used.has(row.key) && row.kind === "assistant" ? row.message.id : row.key;
    used.add(key);
    return key === row.key ? row : { ...row, key };
  });
}

/** The same key for a turn while it streams and when it is stored, so that what was unfolded stays so. */
function rowKey(turnId: string | null, otherwise: string): string {
  return turnId === null ? otherwise : `turn:${turnId}`;
}

function isWaiting(view: TurnView): boolean {
  return !view.finished && view.turn.status === "queued" && view.parts.length === 0;
}

function isShown(view: TurnView, answered: ReadonlySet<string | null>): boolean {
  if (answered.has(view.turn.id)) return false;
  if (!view.finished) return true;
  return view.message === null && (view.turn.status === "failed" || view.turn.status === "cancelled");
}

/** The turn that "stop" stops: the one that runs, or else the first that waits. */
export function stoppable(turns: readonly TurnView[], active: Conversation["active_turn"]): string | null {
  const unfinished = turns.filter((view) => !view.finished);
  const running = unfinished.find((view) => view.turn.status === "running" || view.attempt > 0) ?? unfinished[0];
  if (running) return running.turn.id;
  if (!active || active.status === "done" || active.status === "failed" || active.status === "cancelled") return null;
  return turns.some((view) => view.turn.id === active.id && view.finished) ? null : active.id;
}
