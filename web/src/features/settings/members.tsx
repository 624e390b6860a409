import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { rest } from "../../api/rest";
import type { Me, Member, Role } from "../../api/types";
import { ConfirmDialog } from "../../ui/dialog";
import { fullTime } from "../../ui/format";
import { errorText } from "../../ui/toast";
import { keys } from "../live/cache";
import { mayChange, roleNames, rolesToGive } from "./roles";

export function Members({ me }: { me: Me }) {
  const list = useQuery({ queryKey: keys.members, queryFn: ({ signal }) => rest.members(signal), refetchOnMount: "always" });
  return (
    <section aria-label="People">
      <h3>People</h3>
      {list.error && !list.data ? (
        <p className="notice notice-error" role="alert">
          {errorText(list.error)}
        </p>
      ) : null}
      <ul className="rows">
        {list.data?.items.map((member) => (
          <Person key={member.user_id} me={me} member={member} />
        ))}
      </ul>
    </section>
  );
}

function Person({ me, member }: { me: Me; member: Member }) {
  const client = useQueryClient();
  const [asked, setAsked] = useState(false);
  const refresh = () => client.invalidateQueries({ queryKey: keys.members });
  const setRole = useMutation({ mutationFn: (role: Role) => rest.setRole(member.user_id, role), onSettled: refresh });
  const remove = useMutation({ mutationFn: () => rest.removeMember(member.user_id), onSettled: refresh });
  const may = member.user_id !== me.user.id && mayChange(me.workspace.role, member.role);
  const problem = setRole.error ?? remove.error;
  return (
    <li data-testid="member">
      <div className="row-text">
        <strong>{member.display_name}</strong> {member.user_id === me.user.id ? <span className="quiet">you</span> : null}
        <p className="quiet">
          {problem ? errorText(problem) : [member.email, `since ${fullTime(member.joined_at)}`].filter(Boolean).join(" · ")}
        </p>
      </div>
      {may ? (
        <>
          <select
            className="input select"
            value={member.role}
            aria-label={`Role of ${member.display_name}`}
            disabled={setRole.isPending}
            onChange={(event) => setRole.mutate(event.target.value as Role)}
          >
            {rolesToGive(me.workspace.role).map((role) => (
              <option key={role} value={role} title={roleNames[role]}>
                {role}
              </option>
            ))}
          </select>
          <button type="button" className="button button-small" aria-label={`Remove ${member.display_name}`} onClick={() => setAsked(true)}>
            Remove…
          </button>
        </>
      ) : (
        <span className="quiet">{member.role}</span>
      )}
      {asked ? (
        <ConfirmDialog
          title={`Remove ${member.display_name}?`}
          action="Remove"
          busy={remove.isPending}
          onConfirm={() => remove.mutate(undefined, { onSettled: () => setAsked(false) })}
          onClose={() => setAsked(false)}
        >
          <p>
            Their sign-in here ends at once. What they shared goes to the owner; what is private nobody sees, and it is there
            again if they are invited again.
          </p>
        </ConfirmDialog>
      ) : null}
    </li>
  );
}
