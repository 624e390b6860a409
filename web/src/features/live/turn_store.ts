import { reduceTurn, viewOfTurn, type Outcome, type TurnView } from "../../api/turn_reducer";
import type { Cursor, Turn, TurnEvent } from "../../api/types";

const none: readonly TurnView[] = [];

/** The turns of the open conversations, as they stream. Readers are told once per animation frame. */
export class TurnStore {
  private readonly turns = new Map<string, Map<string, TurnView>>();
  private readonly lists = new Map<string, readonly TurnView[]>();
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly dirty = new Set<string>();
  private scheduled = false;

  apply(event: TurnEvent): Outcome {
    const views = this.viewsOf(event.conversation_id);
    const { view, outcome } = reduceTurn(views.get(event.turn_id), event);
    if (view && (outcome === "applied" || outcome === "restarted")) this.put(event.conversation_id, view);
    return outcome;
  }

  /** Learn of a turn from elsewhere; what is already known of it wins. */
  note(turn: Turn): void {
    if (!this.viewsOf(turn.conversation_id).has(turn.id)) this.put(turn.conversation_id, viewOfTurn(turn));
  }

  /** Where to resume: the one turn that is under way, if any. */
  cursorOf(conversationId: string): Cursor | undefined {
    for (const view of this.list(conversationId)) {
      if (!view.finished && view.attempt > 0) return { turn_id: view.turn.id, attempt: view.attempt, seq: view.seq };
    }
    return undefined;
  }

  /** After a lost connection, turns that had not begun may long be over; what streams next tells. */
  forgetUnstarted(conversationId: string): void {
    const views = this.viewsOf(conversationId);
    for (const [id, view] of views) if (view.attempt === 0) views.delete(id);
    this.changed(conversationId);
  }

  forget(conversationId: string): void {
    this.turns.delete(conversationId);
    this.changed(conversationId);
  }

  clear(): void {
    for (const id of [...this.turns.keys()]) this.forget(id);
  }

  list = (conversationId: string): readonly TurnView[] => this.lists.get(conversationId) ?? none;

  listen(conversationId: string, listener: () => void): () => void {
    const set = this.listeners.get(conversationId) ?? new Set();
    this.listeners.set(conversationId, set);
    set.add(listener);
    return () => {
      set.delete(listener);
      if (set.size === 0) this.listeners.delete(conversationId);
    };
  }

  private viewsOf(conversationId: string): Map<string, TurnView> {
    let views = this.turns.get(conversationId);
    if (!views) {
      views = new Map();
      this.turns.set(conversationId, views);
    }
    return views;
  }

  private put(conversationId: string, view: TurnView): void {
    this.viewsOf(conversationId).set(view.turn.id, view);
    this.changed(conversationId, view.finished);
  }

  private changed(conversationId: string, atOnce = false): void {
    this.dirty.add(conversationId);
    // The list must be current for whoever reads it now; only the telling is delayed.
    const views = this.turns.get(conversationId);
    if (views && views.size > 0) this.lists.set(conversationId, [...views.values()]);
    else this.lists.delete(conversationId);
    if (atOnce) {
      this.flush();
      return;
    }
    if (this.scheduled) return;
    this.scheduled = true;
    // Animation frames stand still in a hidden tab.
    if (document.hidden) setTimeout(this.flush, 250);
    else requestAnimationFrame(this.flush);
  }

  private readonly flush = (): void => {
    this.scheduled = false;
    const ids = [...this.dirty];
    this.dirty.clear();
    for (const id of ids) for (const listener of this.listeners.get(id) ?? []) listener();
  };
}
