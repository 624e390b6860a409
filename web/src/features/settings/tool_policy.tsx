import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { rest } from "../../api/rest";
import type { ApprovalMode, Grant, Me } from "../../api/types";
import { errorText } from "../../ui/toast";
import { keys } from "../live/cache";

const modes: { mode: ApprovalMode; name: string; help: string }[] = [
  { mode: "read_only", name: "Read only", help: "Tools that write, spend or leave this machine are refused, everywhere." },
  { mode: "ask", name: "Ask first", help: "You are asked about each of them, with what exactly would run." },
  { mode: "auto", name: "Auto", help: "They run without a question." },
];

/** How much tools may do unasked, for all conversations that have no mode of their own. */
export function WorkspaceMode({ me }: { me: Me }) {
  const client = useQueryClient();
  const mode = useQuery({ queryKey: keys.toolMode(null), queryFn: ({ signal }) => rest.toolMode(null, signal) });
  const set = useMutation({
    mutationFn: (wanted: ApprovalMode) => rest.setToolMode(null, wanted),
    onSuccess: (now) => {
      client.setQueryData(keys.toolMode(null), now);
      return client.invalidateQueries({ queryKey: keys.toolModes });
    },
  });
  const may = me.workspace.role === "owner" || me.workspace.role === "admin";
  const problem = set.error ?? (mode.data ? null : mode.error);
  return (
    <fieldset className="modes" disabled={!may || set.isPending}>
      <legend>What tools may do</legend>
      {modes.map((each) => (
        <label key={each.mode} className={mode.data?.effective === each.mode ? "mode mode-chosen" : "mode"}>
          <input
            type="radio"
            name="tool-mode"
            value={each.mode}
            checked={mode.data?.effective === each.mode}
            onChange={() => set.mutate(each.mode)}
          />
          <span>
            <strong>{each.name}</strong>
            <span className="quiet">{each.help}</span>
          </span>
        </label>
      ))}
      {may ? null : <p className="quiet">Admins and owners of the workspace set this.</p>}
      {problem ? (
        <p className="notice notice-error" role="alert">
          {errorText(problem)}
        </p>
      ) : null}
    </fieldset>
  );
}

function what({ host, program }: Grant): string {
  const where = host === "*" ? "any public host" : host;
  return [program ? `runs ${program}` : null, where ? `reaches ${where}` : null].filter(Boolean).join(", ") || "reaches no host";
}

/** What was answered with "always". */
export function Grants() {
  const client = useQueryClient();
  const grants = useQuery({ queryKey: keys.grants, queryFn: ({ signal }) => rest.grants(signal) });
  const revoke = useMutation({
    mutationFn: (id: string) => rest.revokeGrant(id),
    onSettled: () => client.invalidateQueries({ queryKey: keys.grants }),
  });
  const items = grants.data?.items ?? [];
  if (items.length === 0 && !revoke.error) return null;
  return (
    <section aria-label="Always allowed">
      <h3>Always allowed</h3>
      {revoke.error ? (
        <p className="notice notice-error" role="alert">
          {errorText(revoke.error)}
        </p>
      ) : null}
      <ul className="rows">
        {items.map((grant) => (
          <li key={grant.id} data-testid="grant">
            <div className="row-text">
              <code className="tool-name">{grant.tool}</code>
              <p className="quiet">{what(grant)}</p>
            </div>
            <button
              type="button"
              className="button button-small"
              disabled={revoke.isPending}
              aria-label={`Revoke ${grant.tool}${grant.host ? ` at ${grant.host}` : ""}`}
              onClick={() => revoke.mutate(grant.id)}
            >
              Revoke
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
