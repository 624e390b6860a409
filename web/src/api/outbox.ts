import { newId } from "./ids";
import type { Accepted, Problem } from "./types";

/** A message that the server has not yet accepted. It lives in local storage until it is. */
export interface OutboxEntry {
  client_message_id: string;
  /** The conversation's id, or `new:…` while the conversation does not exist yet. */
  conversation: string;
  content: string;
  created_at: string;
  /** The tab that wrote it; another tab adopts it only when it seems abandoned. */
  owner: string;
  state: "waiting" | "refused";
  problem: { detail: string } | null;
}

export type Delivery =
  | { kind: "accepted"; accepted: Accepted }
  /** Not delivered, or not known to be: to be tried again when there is a connection. */
  | { kind: "unreachable" }
  | { kind: "later"; afterMs: number }
  | { kind: "refused"; problem: Pick<Problem, "detail"> };

export interface OutboxOptions {
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;
  userId: string;
  tabId: string;
  deliver(entry: OutboxEntry): Promise<Delivery>;
  createConversation(): Promise<{ kind: "created"; id: string } | Exclude<Delivery, { kind: "accepted" }>>;
  onAccepted(entry: OutboxEntry, accepted: Accepted): void;
  onConversationCreated(localKey: string, id: string): void;
  onChange(): void;
  now?: () => number;
}

export const adoptAfterMs = 30_000;

export function isLocalKey(conversation: string): boolean {
  return conversation.startsWith("new:");
}

export class Outbox {
  private entries = new Map<string, OutboxEntry>();
  private readonly unsaved = new Set<string>();
  private readonly busy = new Set<string>();
  private readonly held = new Map<string, ReturnType<typeof setTimeout>>();
  private adoptTimer: ReturnType<typeof setTimeout> | undefined;
  private connected = false;
  private readonly prefix: string;
  private readonly now: () => number;

  constructor(private readonly options: OutboxOptions) {
    this.prefix = `librebird.outbox.${options.userId}.`;
    this.now = options.now ?? Date.now;
    this.reload();
  }

  /** Oldest first. */
  list(conversation?: string): OutboxEntry[] {
    const all = [...this.entries.values()].sort((a, b) => a.client_message_id.localeCompare(b.client_message_id));
    return conversation === undefined ? all : all.filter((entry) => entry.conversation === conversation);
  }

  add(conversation: string, content: string): OutboxEntry {
    const entry: OutboxEntry = {
      client_message_id: newId(this.now()),
      conversation,
      content,
      created_at: new Date(this.now()).toISOString(),
      owner: this.options.tabId,
      state: "waiting",
      problem: null,
    };
    this.put(entry);
    this.options.onChange();
    this.pump();
    return entry;
  }

  retry(clientMessageId: string): void {
    const entry = this.entries.get(clientMessageId);
    if (!entry) return;
    this.put({ ...entry, state: "waiting", problem: null, owner: this.options.tabId });
    this.options.onChange();
    this.pump();
  }

  /** Take an entry out again, to edit or to forget it. */
  remove(clientMessageId: string): void {
    this.entries.delete(clientMessageId);
    this.options.storage.removeItem(this.prefix + clientMessageId);
    this.options.onChange();
    this.pump();
  }

  setConnected(connected: boolean): void {
    this.connected = connected;
    if (connected) this.pump();
  }

  /** Another tab changed the storage. */
  sync(): void {
    this.reload();
    this.options.onChange();
    this.pump();
  }

  /** Forget everything, on sign-out. */
  clear(): void {
    for (const id of this.entries.keys()) this.options.storage.removeItem(this.prefix + id);
    this.entries.clear();
    this.options.onChange();
  }

  stop(): void {
    this.connected = false;
    clearTimeout(this.adoptTimer);
    for (const timer of this.held.values()) clearTimeout(timer);
    this.held.clear();
  }

  /** One delivery at a time in each conversation, in the order of writing. */
  private pump(): void {
    if (!this.connected) return;
    const seen = new Set<string>();
    for (const entry of this.list()) {
      const lane = entry.conversation;
      if (entry.state === "refused" || seen.has(lane)) continue;
      seen.add(lane);
      if (this.busy.has(lane) || this.held.has(lane)) continue;
      if (!this.mayDeliver(entry)) continue;
      void this.run(lane, entry);
    }
  }

  private mayDeliver(entry: OutboxEntry): boolean {
    if (entry.owner === this.options.tabId) return true;
    const age = this.now() - Date.parse(entry.created_at);
    if (!(age < adoptAfterMs)) return true;
    clearTimeout(this.adoptTimer);
    this.adoptTimer = setTimeout(() => this.sync(), adoptAfterMs - age);
    return false;
  }

  private async run(lane: string, entry: OutboxEntry): Promise<void> {
    this.busy.add(lane);
    let outcome: Delivery | null;
    try {
      outcome = isLocalKey(lane) ? await this.createFor(lane) : await this.options.deliver(entry);
    } catch {
      outcome = { kind: "unreachable" };
    } finally {
      this.busy.delete(lane);
    }
    if (outcome) this.settle(lane, entry, outcome);
    this.pump();
  }

  private settle(lane: string, entry: OutboxEntry, outcome: Delivery): void {
    const held = this.entries.get(entry.client_message_id);
    if (outcome.kind === "accepted") {
      this.entries.delete(entry.client_message_id);
      this.options.storage.removeItem(this.prefix + entry.client_message_id);
      this.options.onAccepted(entry, outcome.accepted);
      this.options.onChange();
    } else if (outcome.kind === "refused") {
      if (held) this.put({ ...held, state: "refused", problem: { detail: outcome.problem.detail } });
      this.options.onChange();
    } else {
      const wait = outcome.kind === "later" ? outcome.afterMs : 1_500;
      this.held.set(
        lane,
        setTimeout(() => {
          this.held.delete(lane);
          this.pump();
        }, wait),
      );
    }
  }

  /** Make the conversation that the entries of a new chat wait for. Null when it worked. */
  private async createFor(lane: string): Promise<Delivery | null> {
    const created = await this.options.createConversation();
    if (created.kind !== "created") return created;
    for (const entry of this.list(lane)) this.put({ ...entry, conversation: created.id });
    this.options.onConversationCreated(lane, created.id);
    this.options.onChange();
    return null;
  }

  private put(entry: OutboxEntry): void {
    this.entries.set(entry.client_message_id, entry);
    try {
      this.options.storage.setItem(this.prefix + entry.client_message_id, JSON.stringify(entry));
      this.unsaved.delete(entry.client_message_id);
    } catch {
      // Storage is full or forbidden: the entry still lives as long as this tab.
      this.unsaved.add(entry.client_message_id);
    }
  }

  private reload(): void {
    const { storage } = this.options;
    const stored = new Map<string, OutboxEntry>();
    try {
      for (let i = 0; i < storage.length; i++) {
        const key = storage.key(i);
        if (!key?.startsWith(this.prefix)) continue;
        const entry = parse(storage.getItem(key));
        if (entry && key === this.prefix + entry.client_message_id) stored.set(entry.client_message_id, entry);
      }
    } catch {
      return;
    }
    for (const id of this.unsaved) {
      const entry = this.entries.get(id);
      if (entry) stored.set(id, entry);
    }
    this.entries = stored;
  }
}

function parse(text: string | null): OutboxEntry | null {
  try {
    const value = JSON.parse(text ?? "null") as Partial<OutboxEntry> | null;
    if (typeof value?.client_message_id !== "string" || typeof value.conversation !== "string") return null;
    if (typeof value.content !== "string" || typeof value.created_at !== "string") return null;
    return {
      client_message_id: value.client_message_id,
      conversation: value.conversation,
      content: value.content,
      created_at: value.created_at,
      owner: String(value.owner ?? ""),
      state: value.state === "refused" ? "refused" : "waiting",
      problem: value.problem ?? null,
    };
  } catch {
    return null;
  }
}
