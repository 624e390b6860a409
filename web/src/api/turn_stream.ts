import { rest } from "./rest";
import { isOver, turnEventTypes, type Turn, type TurnEvent } from "./types";

export interface TurnStreamHandlers {
  onEvent(event: TurnEvent): void;
  /** The stream is over for good; the turn's stored state should be read. */
  onEnd(turn: Turn | null): void;
}

const reopenMs = 3_000;

/**
 * Follows one turn by server-sent events, for when a WebSocket cannot be had. The browser itself reconnects
 * and sends Last-Event-ID; only a refused stream needs our attention.
 */
export class TurnStream {
  private source: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(
    private readonly turnId: string,
    private readonly handlers: TurnStreamHandlers,
  ) {
    this.open();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.source?.close();
  }

  /** Begin again without a position: the server then sends the whole state. */
  restart(): void {
    if (this.closed) return;
    this.source?.close();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), 250);
  }

  private open(): void {
    const source = new EventSource(rest.turnEventsUrl(this.turnId));
    this.source = source;
    const receive = (message: MessageEvent<string>) => {
      if (this.closed || this.source !== source) return;
      const event = parse(message);
      if (!event) return;
      this.handlers.onEvent(event);
      if (event.type === "turn.finished") this.end(event.turn);
    };
    source.onmessage = receive;
    for (const type of turnEventTypes) source.addEventListener(type, receive);
    source.onerror = () => {
      if (!this.closed && this.source === source && source.readyState === EventSource.CLOSED) void this.refused();
    };
  }

  private async refused(): Promise<void> {
    try {
      const turn = await rest.turn(this.turnId);
      if (this.closed) return;
      if (isOver(turn.status)) {
        this.end(turn);
        return;
      }
    } catch (error) {
      if (this.closed) return;
      if (error instanceof Error && "status" in error && error.status === 404) {
        this.end(null);
        return;
      }
    }
    this.timer = setTimeout(() => this.open(), reopenMs);
  }

  private end(turn: Turn | null): void {
    if (this.closed) return;
    this.close();
    this.handlers.onEnd(turn);
  }
}

/** The event's name may stand in the data, in the SSE `event:` field, or in both. */
function parse(message: MessageEvent<string>): TurnEvent | null {
  try {
    const data = JSON.parse(message.data) as Partial<TurnEvent>;
    const type = data.type ?? message.type;
    return (turnEventTypes as readonly string[]).includes(type) ? ({ ...data, type } as TurnEvent) : null;
  } catch {
    return null;
  }
}
