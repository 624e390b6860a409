import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { rest } from "../../api/rest";
import type { Access, Conversation, Me, Sharing } from "../../api/types";
import { Dialog } from "../../ui/dialog";
import { errorText } from "../../ui/toast";
import { keys } from "../live/cache";

const names: Record<Access, string> = { none: "not at all", read: "reads it", write: "writes in it" };

/** With whom of the workspace a conversation is shared; its owner decides. */
export function ShareDialog({ me, conversation, onClose }: { me: Me; conversation: Conversation; onClose(): void }) {
  const client = useQueryClient();
  const members = useQuery({ queryKey: keys.members, queryFn: ({ signal }) => rest.members(signal), refetchOnMount: "always" });
  const [workspace, setWorkspace] = useState<Access>(conversation.sharing.workspace);
  const [people, setPeople] = useState(() => new Map(conversation.sharing.people.map((one) => [one.user_id, one.access])));
  const save = useMutation({
    mutationFn: () => {
      const sharing: Sharing = { workspace, people: [...people].map(([user_id, access]) => ({ user_id, access })) };
      return rest.share(conversation.id, sharing);
    },
    onSuccess: (shared) => {
      client.setQueryData(keys.conversation(shared.id), shared);
      onClose();
    },
  });
  const others = members.data?.items.filter((member) => member.user_id !== me.user.id) ?? [];
  const problem = save.error ?? (members.data ? null : members.error);
  return (
    <Dialog title="Share this conversation" onClose={onClose}>
      <ul className="rows">
        <li>
          <div className="row-text">
            <strong>Everybody in {me.workspace.name}</strong>
          </div>
          <AccessSelect label={`Everybody in ${me.workspace.name}`} value={workspace} onChange={setWorkspace} />
        </li>
        {others.map((member) => (
          <li key={member.user_id} data-testid="share-with">
            <div className="row-text">
              {member.display_name} <span className="quiet">{member.role}</span>
            </div>
            <AccessSelect
              label={member.display_name}
              value={people.get(member.user_id) ?? "none"}
              onChange={(access) => {
                const next = new Map(people);
                if (access === "none") next.delete(member.user_id);
                else next.set(member.user_id, access);
                setPeople(next);
              }}
            />
          </li>
        ))}
      </ul>
      {members.data && others.length === 0 ? <p className="quiet">Nobody else is here yet. Invite people in the settings.</p> : null}
      {problem ? (
        <p className="notice notice-error" role="alert">
          {errorText(problem)}
        </p>
      ) : null}
      <p className="quiet">An answer uses the tools and limits of whoever asked. Taking a share back ends it at once.</p>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="button button-primary" disabled={save.isPending} onClick={() => save.mutate()}>
          Save
        </button>
      </div>
    </Dialog>
  );
}

function AccessSelect({ label, value, onChange }: { label: string; value: Access; onChange(access: Access): void }) {
  return (
    <select className="input select" aria-label={`Access of ${label}`} value={value} onChange={(event) => onChange(event.target.value as Access)}>
      {(["none", "read", "write"] as const).map((access) => (
        <option key={access} value={access}>
          {names[access]}
        </option>
      ))}
    </select>
  );
}
