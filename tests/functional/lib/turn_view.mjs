// What a client holds of one turn, built strictly by the rules of docs/protocol.md.
import { isFinal } from './rest.mjs';

export class TurnView {
  attempt = 0;
  seq = 0;
  parts = [];
  approvals = []; // questions that wait for an answer
  finished = false;
  turn = null;
  message = null;
  events = [];
  attempts = new Set();
  wantsSnapshot = false;
  #whole = true; // every event since the last full state was applied, so `parts` must equal the stored answer
  #mayReplace = true; // just subscribed: one snapshot or finished may follow

  constructor({ turn_id, conversation_id }) {
    this.turnId = turn_id;
    this.conversationId = conversation_id;
  }

  resuming() {
    this.#mayReplace = true;
  }

  /** The text parts joined as `content` of the stored message is. */
  get text() {
    return textOf(this.parts);
  }

  /** Applies an event; returns what is wrong with it, or undefined. */
  apply(event) {
    this.events.push(event.type);
    this.attempts.add(event.attempt);
    if (event.turn_id !== this.turnId || event.conversation_id !== this.conversationId) return 'ids do not fit';
    if (!Number.isInteger(event.attempt) || !Number.isInteger(event.seq)) return 'no attempt or seq';
    if (event.type === 'turn.finished') return this.#finish(event);
    if (event.type === 'turn.snapshot') return this.#snapshot(event);
    if (this.finished) return 'an event after turn.finished';
    if (event.attempt < this.attempt) return undefined; // an older attempt's last words: a client drops them
    if (event.attempt > this.attempt) {
      const first = event.type === 'turn.started' && event.seq === 1;
      this.wantsSnapshot = !first || event.attempt > 1;
      this.#whole = first && event.attempt === 1;
      this.attempt = event.attempt;
      this.seq = event.seq;
      this.parts = [];
      this.approvals = [];
      this.turn = event.turn ?? this.turn;
      return undefined;
    }
    if (event.seq !== this.seq + 1) {
      return `seq ${event.seq} ${event.seq <= this.seq ? 'doubled' : 'leaves a gap'} after ${this.seq}`;
    }
    this.seq = event.seq;
    return this.#change(event);
  }

  #change(event) {
    switch (event.type) {
      case 'turn.started':
        return 'turn.started twice in one attempt';
      case 'turn.delta': {
        if (typeof event.text !== 'string' || event.text === '') return 'an empty delta';
        const last = this.parts.at(-1);
        if (last?.type === 'text') last.text += event.text;
        else this.parts.push({ type: 'text', text: event.text });
        return undefined;
      }
      case 'turn.tool_call':
        if (event.call.status !== 'running') return 'a new call that is not running';
        if (this.parts.some((p) => p.call?.id === event.call.id)) return 'a call twice';
        this.parts.push({ type: 'tool_call', call: event.call });
        return undefined;
      case 'turn.tool_result': {
        const part = this.parts.find((p) => p.call?.id === event.call.id);
        if (!part) return 'a result of an unknown call';
        if (part.call.status !== 'running') return 'a second result';
        part.call = event.call;
        return undefined;
      }
      case 'tool.approval': {
        const { approval } = event;
        if (!this.parts.some((p) => p.call?.id === approval.call.id)) return 'a question about an unknown call';
        this.approvals = this.approvals.filter((a) => a.id !== approval.id);
        if (approval.state === 'open') this.approvals.push(approval);
        return undefined;
      }
      case 'tool.progress':
        return event.progress.call_id ? undefined : 'progress of no call';
      default:
        return 'an unknown event';
    }
  }

  #snapshot(event) {
    if (this.finished) return 'a snapshot after turn.finished';
    if (event.attempt < this.attempt || (event.attempt === this.attempt && event.seq < this.seq)) {
      return 'a snapshot that is older than what is held';
    }
    this.attempt = event.attempt;
    this.seq = event.seq;
    this.parts = structuredClone(event.parts);
    this.approvals = structuredClone(event.approvals);
    this.turn = event.turn;
    this.#whole = true;
    this.wantsSnapshot = false;
    return undefined;
  }

  #finish(event) {
    if (this.finished && !this.#mayReplace) return 'turn.finished twice';
    let fault;
    const inOrder = event.attempt === this.attempt && event.seq === this.seq + 1;
    if (!isFinal(event.turn)) fault = `finished with status ${event.turn.status}`;
    if (!inOrder && !this.#mayReplace && event.attempt === this.attempt) fault ??= `turn.finished out of order`;
    if (inOrder && this.#whole && event.message && event.turn.status === 'done') {
      const held = JSON.stringify(normal(this.parts));
      const stored = JSON.stringify(normal(event.message.parts));
      if (held !== stored) fault ??= `the streamed parts differ from the stored ones:\n${held}\n${stored}\n`;
    }
    this.streamed = this.parts;
    this.approvals = [];
    this.finished = true;
    this.#mayReplace = false;
    this.attempt = event.attempt;
    this.seq = event.seq;
    this.turn = event.turn;
    this.message = event.message;
    if (event.message) this.parts = structuredClone(event.message.parts);
    return fault;
  }
}

export const textOf = (parts) => parts.filter((p) => p.type === 'text').map((p) => p.text).join('\n\n');

/** Key order does not matter. */
export function normal(value) {
  if (Array.isArray(value)) return value.map(normal);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, normal(value[key])]));
}
