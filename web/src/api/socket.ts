import type { Accepted, Answer, Cursor, Hello, ListEvent, Problem, ServerFrame, TurnEvent } from "./types";
import { isTurnEvent } from "./types";

export type SocketState = "connecting" | "online" | "waiting";

/** The frame was not answered because the connection ended; whether it arrived is unknown. */
export class ConnectionLost extends Error {
  constructor() {
    super("The connection was lost.");
    this.name = "ConnectionLost";
  }
}

export class FrameRefused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "FrameRefused";
  }
}

export interface SocketHandlers {
  onState(state: SocketState): void;
  /** Every connection begins here; `first` tells a start from a reconnect. */
  onHello(hello: Hello, first: boolean): void;
  onTurnEvent(event: TurnEvent): void;
  onListEvent(event: ListEvent): void;
  /** An attempt failed before the server said hello; `failures` counts them in a row. */
  onFailedAttempt(failures: number): void;
  onCredentialLost(): void;
  /** Where to resume a conversation from, asked at each subscription. */
  cursorOf(conversationId: string): Cursor | undefined;
}

/** The part of WebSocket that is used, so that tests can bring their own. */
export interface WireSocket {
  readyState: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  onerror: ((event: never) => void) | null;
}

export interface SocketOptions {
  url: string;
  open?: (url: string) => WireSocket;
  random?: () => number;
  answerTimeoutMs?: number;
  pingEveryMs?: number;
  helloTimeoutMs?: number;
}

const firstDelayMs = 400;
const longestDelayMs = 30_000;

/** Exponential back-off with jitter: between half and the whole of the doubled delay. */
export function backoffMs(failures: number, random: () => number): number {
  const ceiling = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.max(0, failures - 1));
  return Math.round(ceiling * (0.5 + random() / 2));
}

interface Pending {
  resolve(answer: Answer): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

/** One WebSocket that keeps itself open, matches answers to frames and renews its subscriptions. */
export class LiveSocket {
  private socket: WireSocket | null = null;
  private greeted = false;
  private everGreeted = false;
  private failures = 0;
  private stopped = true;
  private nextId = 1;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private helloTimer: ReturnType<typeof setTimeout> | undefined;
  private pingTimer: ReturnType<typeof setInterval> | undefined;
  private readonly pending = new Map<string, Pending>();
  private readonly subscriptions = new Set<string>();
  private readonly open: (url: string) => WireSocket;
  private readonly random: () => number;
  private readonly answerTimeoutMs: number;
  private readonly pingEveryMs: number;
  private readonly helloTimeoutMs: number;

  constructor(
    private readonly handlers: SocketHandlers,
    private readonly options: SocketOptions,
  ) {
    this.open = options.open ?? ((url) => new WebSocket(url) as unknown as WireSocket);
    this.random = options.random ?? Math.random;
    this.answerTimeoutMs = options.answerTimeoutMs ?? 15_000;
    this.pingEveryMs = options.pingEveryMs ?? 25_000;
    this.helloTimeoutMs = options.helloTimeoutMs ?? 10_000;
  }

  get online(): boolean {
    return this.greeted;
  }

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.retryTimer);
    this.drop(1000);
  }

  /** Try again at once: the network came back, or the user asked. */
  reconnectNow(): void {
    if (this.stopped || this.socket) return;
    clearTimeout(this.retryTimer);
    this.connect();
  }

  /** Find out whether a connection that looks open still is. */
  async probe(): Promise<void> {
    if (this.greeted) await this.request({ type: "ping" }, 8_000).catch(() => {});
  }

  subscribe(conversationId: string): void {
    this.subscriptions.add(conversationId);
    if (this.greeted) void this.resubscribe(conversationId);
  }

  unsubscribe(conversationId: string): void {
    if (!this.subscriptions.delete(conversationId) || !this.greeted) return;
    this.request({ type: "unsubscribe", conversation_id: conversationId }).catch(() => {});
  }

  /** Ask for what is missing. Resolves true once the server has agreed; the events follow. */
  async resubscribe(conversationId: string, resume = true): Promise<boolean> {
    if (!this.greeted || !this.subscriptions.has(conversationId)) return false;
    const frame: Record<string, unknown> = { type: "subscribe", conversation_id: conversationId };
    const cursor = resume ? this.handlers.cursorOf(conversationId) : undefined;
    if (cursor) frame.cursor = cursor;
    try {
      await this.request(frame);
      return true;
    } catch {
      return false;
    }
  }

  async send(conversationId: string, content: string, clientMessageId: string): Promise<Accepted> {
    const answer = await this.request({
      type: "send",
      conversation_id: conversationId,
      content,
      client_message_id: clientMessageId,
    });
    if (answer.type !== "accepted") throw new ConnectionLost();
    return answer;
  }

  private request(frame: Record<string, unknown>, timeoutMs = this.answerTimeoutMs): Promise<Answer> {
    const socket = this.socket;
    if (!socket || !this.greeted) return Promise.reject(new ConnectionLost());
    const id = String(this.nextId++);
    return new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(() => {
        // Nothing came back: the connection is dead even if it does not know it yet.
        this.fail(socket);
      }, timeoutMs);
      this.pending.set(id, { resolve, reject, timer });
      try {
        socket.send(JSON.stringify({ ...frame, id }));
      } catch {
        this.fail(socket);
      }
    });
  }

  private connect(): void {
    this.handlers.onState("connecting");
    let socket: WireSocket;
    try {
      socket = this.open(this.options.url);
    } catch {
      this.retry();
      return;
    }
    this.socket = socket;
    this.helloTimer = setTimeout(() => this.fail(socket), this.helloTimeoutMs);
    socket.onmessage = (event) => {
      if (this.socket === socket) this.receive(socket, event.data);
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.closed(event.code);
    };
    socket.onerror = () => {};
  }

  private receive(socket: WireSocket, data: unknown): void {
    let frame: ServerFrame;
    try {
      frame = JSON.parse(String(data)) as ServerFrame;
    } catch {
      this.fail(socket);
      return;
    }
    if (frame.type === "hello") this.hello(frame);
    else if (isTurnEvent(frame)) this.handlers.onTurnEvent(frame);
    else if (
      frame.type === "message.created" ||
      frame.type === "conversation.updated" ||
      frame.type === "conversation.deleted"
    )
      this.handlers.onListEvent(frame);
    else if ("id" in frame) this.answered(frame);
  }

  private hello(frame: Hello): void {
    if (this.greeted) return;
    clearTimeout(this.helloTimer);
    this.greeted = true;
    this.failures = 0;
    const first = !this.everGreeted;
    this.everGreeted = true;
    this.pingTimer = setInterval(() => {
      this.request({ type: "ping" }, 10_000).catch(() => {});
    }, this.pingEveryMs);
    this.handlers.onState("online");
    for (const id of this.subscriptions) void this.resubscribe(id);
    this.handlers.onHello(frame, first);
  }

  private answered(answer: Answer): void {
    const waiting = answer.id == null ? undefined : this.pending.get(answer.id);
    if (!waiting || answer.id == null) return;
    this.pending.delete(answer.id);
    clearTimeout(waiting.timer);
    if (answer.type === "error") waiting.reject(new FrameRefused(answer.problem));
    else waiting.resolve(answer);
  }

  private fail(socket: WireSocket): void {
    if (this.socket !== socket) return;
    socket.onclose = null;
    socket.onmessage = null;
    try {
      socket.close();
    } catch {
      // It was never open.
    }
    this.closed(1006);
  }

  private closed(code: number): void {
    const wasGreeted = this.greeted;
    this.drop(null);
    if (this.stopped) return;
    if (code === 4401) {
      this.stopped = true;
      this.handlers.onState("waiting");
      this.handlers.onCredentialLost();
      return;
    }
    if (wasGreeted) {
      // A connection that worked is first renewed quickly; jitter keeps a restarted server from a stampede.
      this.handlers.onState("waiting");
      this.retryTimer = setTimeout(() => this.connect(), Math.round(this.random() * firstDelayMs));
      return;
    }
    this.retry();
  }

  private retry(): void {
    this.failures += 1;
    this.handlers.onState("waiting");
    this.retryTimer = setTimeout(() => this.connect(), backoffMs(this.failures, this.random));
    this.handlers.onFailedAttempt(this.failures);
  }

  private drop(code: number | null): void {
    clearTimeout(this.helloTimer);
    clearInterval(this.pingTimer);
    const socket = this.socket;
    this.socket = null;
    this.greeted = false;
    if (socket && code !== null) {
      socket.onclose = null;
      socket.close(code);
    }
    const waiting = [...this.pending.values()];
    this.pending.clear();
    for (const entry of waiting) {
      clearTimeout(entry.timer);
      entry.reject(new ConnectionLost());
    }
  }
}
