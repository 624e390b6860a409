import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { rest } from "../../api/rest";
import { allMessages, keys, type MessagePages } from "../live/cache";
import { useLive, useOutbox, useTurns } from "../live/context";
import { arrange, stoppable } from "./arrange";

const pageSize = 40;

/** All that is known of the conversation shown; `lane` names it in the outbox. */
export function useConversation(id: string | null, lane: string) {
  const live = useLive();
  const conversation = useQuery({
    queryKey: keys.conversation(id ?? ""),
    queryFn: ({ signal }) => rest.conversation(id ?? "", signal),
    enabled: id !== null,
    refetchOnMount: "always",
  });
  const messages = useInfiniteQuery({
    queryKey: keys.messages(id ?? ""),
    queryFn: ({ pageParam, signal }) => rest.messages(id ?? "", { limit: pageSize, before: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_before,
    enabled: id !== null,
    // What happened while nobody watched was not told.
    refetchOnMount: "always",
  });
  const turns = useTurns(id ?? "");
  const outbox = useOutbox(lane);

  useEffect(() => (id === null ? undefined : live.watch(id)), [live, id]);

  const active = conversation.data?.active_turn ?? null;
  const stored = useMemo(() => allMessages(messages.data as MessagePages | undefined), [messages.data]);
  const rows = useMemo(() => arrange(stored, turns, outbox, active), [stored, turns, outbox, active]);
  return { conversation, messages, rows, runningTurn: stoppable(turns, active), turns };
}
