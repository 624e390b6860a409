import { useInfiniteQuery, useMutation, useQueryClient, keepPreviousData } from "@tanstack/react-query";
import { rest } from "../../api/rest";
import type { Conversation } from "../../api/types";
import { errorText, useToast } from "../../ui/toast";
import { keys, patchLists, placeConversation, removeConversation, type ListFilter } from "../live/cache";

const pageSize = 30;

export function useConversations(filter: ListFilter) {
  return useInfiniteQuery({
    queryKey: keys.list(filter),
    queryFn: ({ pageParam, signal }) =>
      rest.conversations({ limit: pageSize, cursor: pageParam, archived: filter.archived, q: filter.q }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}

interface Change {
  id: string;
  change: { title?: string; archived?: boolean };
}

export function useConversationChanges() {
  const client = useQueryClient();
  const toast = useToast();
  const failed = (error: unknown) => {
    void client.invalidateQueries({ queryKey: keys.lists });
    toast(errorText(error), { kind: "error" });
  };
  const place = (conversation: Conversation) => {
    client.setQueryData(keys.conversation(conversation.id), conversation);
    patchLists(client, (data, filter) => placeConversation(data, conversation, filter));
  };
  const update = useMutation({
    mutationFn: ({ id, change }: Change) => rest.updateConversation(id, change),
    onSuccess: (conversation, { change }) => {
      place(conversation);
      if (change.archived !== undefined) void client.invalidateQueries({ queryKey: keys.lists });
    },
    onError: failed,
  });
  const remove = useMutation({
    mutationFn: (id: string) => rest.deleteConversation(id),
    onSuccess: (_nothing, id) => patchLists(client, (data) => removeConversation(data, id)),
    onError: failed,
  });
  return { update, remove };
}
