import { chosenWorkspace } from "../../api/place";
import type { QueryClient } from "@tanstack/react-query";
import { newId } from "../../api/ids";
import { Outbox, type Delivery } from "../../api/outbox";
import { ApiError, NetworkError, rest } from "../../api/rest";
import { ConnectionLost, FrameRefused, LiveSocket, type SocketState } from "../../api/socket";
import { TurnStream } from "../../api/turn_stream";
import { isOver, type Accepted, type Cursor, type ListEvent, type Turn, type TurnEvent } from "../../api/types";
import { keys, patchLists, patchMessages, placeConversation, removeConversation, upsertMessage } from "./cache";
import { TurnStore } from "./turn_store";

/** `limited`: no WebSocket, but the server answers; turns are followed by server-sent events. */
export type Connection = "connecting" | "online" | "limited" | "offline";

const fallbackAfter = 3;
const pollMs = 5_000;

function tabId(): string {
  try {
    const known = sessionStorage.getItem("librebird.tab");
    if (known) return known;
    const fresh = newId();
    sessionStorage.setItem("librebird.tab", fresh);
    return fresh;
  } catch {
    return newId();
  }
}

export interface LiveClientOptions {
  queryClient: QueryClient;
  userId: string;
  onCredentialLost(): void;
  onConversationCreated(localKey: string, id: string): void;
  onConversationDeleted(id: string): void;
}

/** Everything that happens without being asked for: the connection, the streams, the outbox. */
export class LiveClient {
  readonly turns = new TurnStore();
  readonly outbox: Outbox;
  private readonly socket: LiveSocket;
  private readonly open = new Map<string, number>();
  private readonly streams = new Map<string, TurnStream>();
  private readonly resyncing = new Set<string>();
  private readonly fruitless = new Map<string, number>();
  private readonly listeners = new Set<() => void>();
  private pollTimer: ReturnType<typeof setInterval> | undefined;
  private current: Connection = "connecting";
  private outboxVersion = 0;

  constructor(private readonly options: LiveClientOptions) {
    this.outbox = new Outbox({
      storage: localStorage,
      userId: options.userId,
      tabId: tabId(),
      deliver: (entry) =>
        this.delivery(async () =>
          this.socket.online
            ? this.socket.send(entry.conversation, entry.content, entry.client_message_id)
            : rest.send(entry.conversation, entry.content, entry.client_message_id),
        ),
      createConversation: async () => {
        let id = "";
        const outcome = await this.delivery(async () => {
          const conversation = await rest.createConversation();
          id = conversation.id;
          patchLists(options.queryClient, (data, filter) => placeConversation(data, conversation, filter));
          return undefined as never;
        });
        return outcome.kind === "accepted" ? { kind: "created", id } : outcome;
      },
      onAccepted: (_entry, accepted) => this.accepted(accepted),
      onConversationCreated: options.onConversationCreated,
      onChange: () => this.changed(),
    });
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const workspace = chosenWorkspace();
    const place = workspace ? `?workspace=${encodeURIComponent(workspace)}` : "";
    this.socket = new LiveSocket(
      {
        onState: (state) => this.socketState(state),
        onHello: (_hello, first) => this.hello(first),
        onTurnEvent: (event) => this.turnEvent(event),
        onListEvent: (event) => this.listEvent(event),
        onFailedAttempt: (failures) => void this.failedAttempt(failures),
        onCredentialLost: () => options.onCredentialLost(),
        cursorOf: (id): Cursor | undefined => this.turns.cursorOf(id),
      },
      { url: `${scheme}//${location.host}/ws${place}` },
    );
  }

  get connection(): Connection {
    return this.current;
  }

  get version(): number {
    return this.outboxVersion;
  }

  start(): void {
    window.addEventListener("online", this.wake);
    document.addEventListener("visibilitychange", this.wake);
    window.addEventListener("storage", this.storage);
    this.socket.start();
  }

  stop(): void {
    window.removeEventListener("online", this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    window.removeEventListener("storage", this.storage);
    this.socket.stop();
    this.outbox.stop();
    this.leaveFallback();
    this.turns.clear();
  }

  listen = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  retryNow(): void {
    this.socket.reconnectNow();
  }

  /** Follow a conversation for as long as it is shown. */
  watch(conversationId: string): () => void {
    const count = this.open.get(conversationId) ?? 0;
    this.open.set(conversationId, count + 1);
    if (count === 0) {
      this.socket.subscribe(conversationId);
      if (this.current === "limited") void this.poll();
    }
    return () => {
      const left = (this.open.get(conversationId) ?? 1) - 1;
      if (left > 0) {
        this.open.set(conversationId, left);
        return;
      }
      this.open.delete(conversationId);
      this.socket.unsubscribe(conversationId);
      this.turns.forget(conversationId);
    };
  }

  /** The server took a message (a send, an edit, a regeneration). */
  accepted({ message, turn, duplicate }: Accepted): void {
    patchMessages(this.options.queryClient, message.conversation_id, (data) => upsertMessage(data, message));
    if (duplicate) this.refetchMessages(message.conversation_id);
    this.follow(turn);
  }

  cancel(turnId: string): Promise<Turn> {
    return rest.cancel(turnId);
  }

  refetchMessages(conversationId: string): void {
    void this.options.queryClient.invalidateQueries({ queryKey: keys.messages(conversationId) });
  }

  private follow(turn: Turn): void {
    if (!this.open.has(turn.conversation_id)) return;
    this.turns.note(turn);
    if (this.current === "limited" && !isOver(turn.status)) this.stream(turn.id, turn.conversation_id);
  }

  private async delivery(act: () => Promise<Accepted>): Promise<Delivery> {
    try {
      return { kind: "accepted", accepted: await act() };
    } catch (error) {
      if (error instanceof FrameRefused || error instanceof ApiError) {
        const { problem } = error;
        if (problem.status === 401) return { kind: "unreachable" };
        const retryable = problem.retryable ?? (problem.status === 429 || problem.status >= 500);
        const seconds = error instanceof ApiError ? error.retryAfter : null;
        return retryable ? { kind: "later", afterMs: (seconds ?? 2) * 1000 } : { kind: "refused", problem };
      }
      if (error instanceof ConnectionLost || error instanceof NetworkError) return { kind: "unreachable" };
      throw error;
    }
  }

  private turnEvent(event: TurnEvent): void {
    const id = event.conversation_id;
    if (!this.open.has(id)) return;
    const outcome = this.turns.apply(event);
    if (outcome === "applied") this.fruitless.delete(id);
    if (event.type === "turn.finished" && outcome === "applied") {
      const { message } = event;
      if (message) patchMessages(this.options.queryClient, id, (data) => upsertMessage(data, message));
    }
    if (outcome === "gap" || outcome === "restarted") this.resync(event, outcome === "gap");
  }

  /** Ask for what is missing; when the position does not help, ask for everything. */
  private resync(event: TurnEvent, resume: boolean): void {
    const id = event.conversation_id;
    const stream = this.streams.get(event.turn_id);
    if (stream) {
      if (resume) stream.restart();
      return;
    }
    if (this.resyncing.has(id)) return;
    this.resyncing.add(id);
    const tries = (this.fruitless.get(id) ?? 0) + 1;
    this.fruitless.set(id, tries);
    const ask = async () => {
      await this.socket.resubscribe(id, resume && tries < 3);
      this.resyncing.delete(id);
    };
    if (tries <= 3) void ask();
    else setTimeout(() => void ask(), Math.min(10_000, 500 * tries));
  }

  private listEvent(event: ListEvent): void {
    const client = this.options.queryClient;
    if (event.type === "message.created") {
      const { message, turn } = event;
      const queryKey = keys.messages(message.conversation_id);
      const known = client
        .getQueryData<{ pages: { items: { id: string }[] }[] }>(queryKey)
        ?.pages.some((page) => page.items.some((item) => item.id === message.id));
      patchMessages(client, message.conversation_id, (data) => upsertMessage(data, message));
      if (turn) this.follow(turn);
      // It may replace others (an edit elsewhere), which the event does not say.
      if (!known) void client.invalidateQueries({ queryKey });
      return;
    }
    if (event.type === "conversation.updated") {
      const { conversation } = event;
      client.setQueryData(keys.conversation(conversation.id), conversation);
      patchLists(client, (data, filter) => placeConversation(data, conversation, filter));
      return;
    }
    patchLists(client, (data) => removeConversation(data, event.conversation_id));
    this.turns.forget(event.conversation_id);
    this.options.onConversationDeleted(event.conversation_id);
  }

  private hello(first: boolean): void {
    this.leaveFallback();
    if (first) return;
    // Whatever happened in between was not told.
    for (const id of this.open.keys()) this.turns.forgetUnstarted(id);
    const client = this.options.queryClient;
    void client.invalidateQueries({ queryKey: keys.lists });
    void client.invalidateQueries({ queryKey: ["conversation"] });
    void client.invalidateQueries({ queryKey: ["messages"] });
    void client.invalidateQueries({ queryKey: keys.me });
  }

  private socketState(state: SocketState): void {
    if (state === "online") this.become("online");
    else if (this.current === "online") this.become("connecting");
  }

  private async failedAttempt(failures: number): Promise<void> {
    if (failures < fallbackAfter) {
      if (!navigator.onLine) this.become("offline");
      return;
    }
    try {
      // Tells apart a server that is down, a session that is over, and a WebSocket that is blocked.
      await rest.me();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return;
      if (!this.socket.online) {
        this.leaveFallback();
        this.become("offline");
      }
      return;
    }
    if (!this.socket.online) this.enterFallback();
  }

  private enterFallback(): void {
    if (this.current === "limited") return;
    this.become("limited");
    this.pollTimer = setInterval(() => void this.poll(), pollMs);
    for (const id of this.open.keys()) this.turns.forgetUnstarted(id);
    void this.poll();
  }

  private leaveFallback(): void {
    clearInterval(this.pollTimer);
    for (const stream of this.streams.values()) stream.close();
    this.streams.clear();
  }

  private async poll(): Promise<void> {
    const client = this.options.queryClient;
    void client.invalidateQueries({ queryKey: keys.lists });
    for (const id of this.open.keys()) {
      try {
        const conversation = await rest.conversation(id);
        client.setQueryData(keys.conversation(id), conversation);
        const active = conversation.active_turn;
        if (active && !isOver(active.status) && this.current === "limited") this.stream(active.id, id);
        if (this.streams.size === 0) this.refetchMessages(id);
      } catch {
        // The next round, or the next attempt of the socket, will tell.
      }
    }
  }

  private stream(turnId: string, conversationId: string): void {
    if (this.streams.has(turnId)) return;
    const stream = new TurnStream(turnId, {
      onEvent: (event) => this.turnEvent(event),
      onEnd: () => {
        this.streams.delete(turnId);
        this.refetchMessages(conversationId);
        void this.poll();
      },
    });
    this.streams.set(turnId, stream);
  }

  private readonly wake = (): void => {
    if (document.hidden) return;
    this.socket.reconnectNow();
    void this.socket.probe();
  };

  private readonly storage = (event: StorageEvent): void => {
    if (event.key === null || event.key.startsWith("librebird.outbox.")) this.outbox.sync();
  };

  private become(connection: Connection): void {
    if (this.current !== connection) {
      this.current = connection;
      this.changed();
    }
    this.outbox.setConnected(connection === "online" || connection === "limited");
  }

  private changed(): void {
    this.outboxVersion += 1;
    for (const listener of this.listeners) listener();
  }
}
