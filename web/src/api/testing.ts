import type { Approval, Conversation, Message, Part, ToolCall, Turn, TurnEvent } from "./types";

/** Makers of protocol values for tests; each takes what matters and fills in the rest. */

const at = "2026-01-02T03:04:05.678Z";

export function turn(change: Partial<Turn> = {}): Turn {
  return {
    id: "t1",
    conversation_id: "c1",
    message_id: "m1",
    status: "running",
    attempt: 1,
    error: null,
    created_at: at,
    started_at: null,
    finished_at: null,
    ...change,
  };
}

export function message(content: string, change: Partial<Message> = {}): Message {
  return {
    id: "a1",
    conversation_id: "c1",
    turn_id: "t1",
    user_id: "u1",
    role: "assistant",
    content,
    parts: [{ type: "text", text: content }],
    status: "complete",
    error: null,
    model: null,
    client_message_id: null,
    created_at: at,
    ...change,
  };
}

export function conversation(change: Partial<Conversation> = {}): Conversation {
  return {
    id: "c1",
    title: "Title",
    archived: false,
    owner_id: "u1",
    sharing: { workspace: "none", people: [] },
    created_at: at, updated_at: at,
    active_turn: null,
    ...change,
  };
}

export function call(change: Partial<ToolCall> = {}): ToolCall {
  return {
    id: "c1",
    name: "get_weather",
    arguments: { city: "Lisbon" },
    status: "running",
    result: null,
    duration_ms: null,
    ...change,
  };
}

export function approval(change: Partial<Approval> = {}): Approval {
  return {
    id: "q1",
    conversation_id: "c1",
    turn_id: "t1",
    call: { id: "c1", name: "get_weather", arguments: { location: "Lisbon" } },
    skill: "core",
    reason: "get_weather reaches wttr.in, and the mode here is ask.",
    does: ["network"],
    hosts: ["wttr.in"],
    program: null,
    only_once: null,
    state: "open",
    decision: null,
    created_at: at,
    expires_at: "2026-01-02T03:09:05.678Z",
    decided_at: null,
    ...change,
  };
}

const where = (seq: number, attempt: number) => ({ conversation_id: "c1", turn_id: "t1", attempt, seq });

export const started = (seq: number, attempt = 1): TurnEvent => ({
  ...where(seq, attempt),
  type: "turn.started",
  turn: turn({ attempt }),
});
export const delta = (seq: number, text: string, attempt = 1): TurnEvent => ({
  ...where(seq, attempt),
  type: "turn.delta",
  text,
});
export const toolCall = (seq: number, id: string): TurnEvent => ({
  ...where(seq, 1),
  type: "turn.tool_call",
  call: call({ id }),
});
export const toolResult = (seq: number, id: string): TurnEvent => ({
  ...where(seq, 1),
  type: "turn.tool_result",
  call: call({ id, status: "ok", result: 21, duration_ms: 5 }),
});
export const snapshot = (seq: number, parts: Part[], attempt = 1, of = turn({ attempt })): TurnEvent => ({
  ...where(seq, attempt),
  type: "turn.snapshot",
  turn: of,
  parts,
});
export const asked = (seq: number, change: Partial<Approval> = {}): TurnEvent => ({
  ...where(seq, 1),
  type: "tool.approval",
  approval: approval(change),
});
export const progressed = (seq: number, fraction: number | null, message = ""): TurnEvent => ({
  ...where(seq, 1),
  type: "tool.progress",
  progress: { call_id: "c1", fraction, message },
});
export const finished = (seq: number, stored: Message | null, of = turn({ status: "done" })): TurnEvent => ({
  ...where(seq, 1),
  type: "turn.finished",
  turn: of,
  message: stored,
});
