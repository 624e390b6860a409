/** What is being typed, per conversation, kept in local storage so that a closed tab loses nothing. */
export class Drafts {
  private readonly texts = new Map<string, string>();
  private readonly dirty = new Set<string>();
  private readonly listeners = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly prefix: string;

  constructor(
    userId: string,
    private readonly storage: Storage = localStorage,
  ) {
    this.prefix = `librebird.draft.${userId}.`;
  }

  get(key: string): string {
    const known = this.texts.get(key);
    if (known !== undefined) return known;
    let stored = "";
    try {
      stored = this.storage.getItem(this.prefix + key) ?? "";
    } catch {
      // Without storage a draft lives as long as the page.
    }
    this.texts.set(key, stored);
    return stored;
  }

  set(key: string, text: string): void {
    this.texts.set(key, text);
    this.dirty.add(key);
    clearTimeout(this.timer);
    this.timer = setTimeout(this.flush, 150);
    for (const listener of this.listeners) listener();
  }

  /** A new chat got its conversation: what was typed meanwhile goes with it. */
  move(from: string, to: string): void {
    const text = this.get(from);
    if (!text) return;
    const there = this.get(to);
    this.set(to, there ? `${there}\n\n${text}` : text);
    this.set(from, "");
  }

  clear(): void {
    clearTimeout(this.timer);
    this.dirty.clear();
    this.texts.clear();
    try {
      for (const key of Object.keys(this.storage)) if (key.startsWith(this.prefix)) this.storage.removeItem(key);
    } catch {
      // Nothing was stored.
    }
  }

  listen = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  flush = (): void => {
    clearTimeout(this.timer);
    for (const key of this.dirty) {
      const text = this.texts.get(key);
      try {
        if (text) this.storage.setItem(this.prefix + key, text);
        else this.storage.removeItem(this.prefix + key);
      } catch {
        return;
      }
    }
    this.dirty.clear();
  };
}
