import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { chooseWorkspace } from "../../api/place";
import { rest } from "../../api/rest";
import type { Me } from "../../api/types";
import { ConfirmDialog } from "../../ui/dialog";
import { errorText } from "../../ui/toast";
import { keys } from "../live/cache";
import { Invitations } from "./invitations";
import { Members } from "./members";
import { Retention } from "./retention";
import { isAtLeast } from "./roles";

/** A fresh page: nothing that was read in one workspace is shown in another. */
function enter(workspaceId: string | null): void {
  chooseWorkspace(workspaceId);
  location.replace("/");
}

/** Where one is, who else is there, and the way to one's other workspaces. */
export function WorkspaceSettings({ me }: { me: Me }) {
  return (
    <>
      <ThisWorkspace me={me} />
      <Members me={me} />
      {isAtLeast(me.workspace.role, "admin") ? <Invitations me={me} /> : null}
      <Retention me={me} />
      <OtherWorkspaces me={me} />
    </>
  );
}

function ThisWorkspace({ me }: { me: Me }) {
  const client = useQueryClient();
  const [name, setName] = useState(me.workspace.name);
  const [leaving, setLeaving] = useState(false);
  const rename = useMutation({
    mutationFn: () => rest.renameWorkspace(me.workspace.id, name.trim()),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keys.me });
      await client.invalidateQueries({ queryKey: keys.workspaces });
    },
  });
  const leave = useMutation({ mutationFn: () => rest.leaveWorkspace(me.workspace.id), onSuccess: () => enter(null) });
  const changed = name.trim() !== "" && name.trim() !== me.workspace.name;
  const problem = rename.error ?? leave.error;
  return (
    <section aria-label="This workspace">
      <form
        className="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (changed) rename.mutate();
        }}
      >
        <input
          className="input"
          value={name}
          maxLength={100}
          aria-label="Name of the workspace"
          disabled={!isAtLeast(me.workspace.role, "admin")}
          onChange={(event) => setName(event.target.value)}
        />
        {isAtLeast(me.workspace.role, "admin") ? (
          <button type="submit" className="button" disabled={!changed || rename.isPending}>
            Rename
          </button>
        ) : null}
        {me.workspace.role === "owner" ? null : (
          <button type="button" className="button" onClick={() => setLeaving(true)}>
            Leave…
          </button>
        )}
      </form>
      {problem ? (
        <p className="notice notice-error" role="alert">
          {errorText(problem)}
        </p>
      ) : null}
      {leaving ? (
        <ConfirmDialog
          title="Leave this workspace?"
          action="Leave"
          busy={leave.isPending}
          onConfirm={() => leave.mutate(undefined, { onSettled: () => setLeaving(false) })}
          onClose={() => setLeaving(false)}
        >
          <p>
            You no longer see <strong>{me.workspace.name}</strong>. What you shared there stays with it; what is private is
            there again if you are invited again.
          </p>
        </ConfirmDialog>
      ) : null}
    </section>
  );
}

function OtherWorkspaces({ me }: { me: Me }) {
  const list = useQuery({ queryKey: keys.workspaces, queryFn: ({ signal }) => rest.workspaces(signal) });
  const [name, setName] = useState("");
  const create = useMutation({ mutationFn: () => rest.createWorkspace(name.trim()), onSuccess: (made) => enter(made.id) });
  const others = list.data?.items.filter((each) => each.id !== me.workspace.id) ?? [];
  const problem = create.error ?? (list.data ? null : list.error);
  return (
    <section aria-label="Other workspaces">
      <h3>Your other workspaces</h3>
      <ul className="rows">
        {others.map((each) => (
          <li key={each.id}>
            <div className="row-text">
              <strong>{each.name}</strong> <span className="quiet">{each.role}</span>
            </div>
            <button type="button" className="button button-small" aria-label={`Go to ${each.name}`} onClick={() => enter(each.id)}>
              Go there
            </button>
          </li>
        ))}
      </ul>
      {list.data && others.length === 0 ? <p className="quiet">This is the only one.</p> : null}
      <form
        className="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) create.mutate();
        }}
      >
        <input
          className="input"
          value={name}
          maxLength={100}
          placeholder="A new workspace"
          aria-label="Name of a new workspace"
          onChange={(event) => setName(event.target.value)}
        />
        <button type="submit" className="button" disabled={!name.trim() || create.isPending}>
          Create
        </button>
      </form>
      {problem ? (
        <p className="notice notice-error" role="alert">
          {errorText(problem)}
        </p>
      ) : null}
    </section>
  );
}
