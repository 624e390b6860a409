import { useQuery } from "@tanstack/react-query";
import { rest } from "../../api/rest";
import type { Conversation, Me } from "../../api/types";
import { keys } from "../live/cache";

/** Names who wrote a message, in a conversation that several people see; null: the person who looks. */
export function useAuthors(me: Me, conversation: Conversation | null): (userId: string) => string | null {
  const several =
    conversation !== null &&
    (conversation.owner_id !== me.user.id || conversation.sharing.workspace !== "none" || conversation.sharing.people.length > 0);
  const members = useQuery({ queryKey: keys.members, queryFn: ({ signal }) => rest.members(signal), enabled: several });
  return (userId) => {
    if (userId === me.user.id) return null;
    return members.data?.items.find((member) => member.user_id === userId)?.display_name ?? "Somebody";
  };
}
