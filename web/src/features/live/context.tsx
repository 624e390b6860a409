import { createContext, useCallback, useContext, useSyncExternalStore } from "react";
import type { OutboxEntry } from "../../api/outbox";
import type { TurnView } from "../../api/turn_reducer";
import type { Connection, LiveClient } from "./live_client";

export const LiveContext = createContext<LiveClient | null>(null);

export function useLive(): LiveClient {
  const live = useContext(LiveContext);
  if (!live) throw new Error("useLive needs a LiveContext");
  return live;
}

export function useConnection(): Connection {
  const live = useLive();
  return useSyncExternalStore(live.listen, () => live.connection);
}

export function useTurns(conversationId: string): readonly TurnView[] {
  const { turns } = useLive();
  const listen = useCallback((told: () => void) => turns.listen(conversationId, told), [turns, conversationId]);
  return useSyncExternalStore(listen, () => turns.list(conversationId));
}

export function useOutbox(conversation?: string): OutboxEntry[] {
  const live = useLive();
  useSyncExternalStore(live.listen, () => live.version);
  return live.outbox.list(conversation);
}
