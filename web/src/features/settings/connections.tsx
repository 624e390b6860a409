import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { rest } from "../../api/rest";
import type { Skill } from "../../api/types";
import { errorText } from "../../ui/toast";
import { keys } from "../live/cache";

/** The skills on the web that one can let act for oneself; nothing where there are none. */
export function Connections() {
  const skills = useQuery({ queryKey: keys.skills, queryFn: ({ signal }) => rest.skills(signal) });
  const offered = (skills.data?.items ?? []).filter((skill) => skill.connectable);
  if (offered.length === 0) return null;
  return (
    <section aria-label="Connections" className="skill">
      <h3>Connections</h3>
      <ul className="rows">
        {offered.map((skill) => (
          <Connection key={skill.name} skill={skill} />
        ))}
      </ul>
    </section>
  );
}

function Connection({ skill }: { skill: Skill }) {
  const client = useQueryClient();
  const key = keys.connection(skill.name);
  const state = useQuery({ queryKey: key, queryFn: ({ signal }) => rest.connection(skill.name, signal) });
  const connect = useMutation({
    mutationFn: () => rest.connect(skill.name),
    onSuccess: ({ authorization_url }) => location.assign(authorization_url),
  });
  const disconnect = useMutation({
    mutationFn: () => rest.disconnect(skill.name),
    onSuccess: () => client.invalidateQueries({ queryKey: key }),
  });
  const problem = connect.error ?? disconnect.error ?? (state.data ? null : state.error);
  const connected = state.data?.connected ?? false;
  return (
    <li data-testid="connection">
      <div className="row-text">
        <strong>{skill.display_name}</strong>
        <p className="quiet">
          {connected
            ? `Acts for you at ${state.data?.server}.`
            : skill.needs_connection
              ? "Its tools appear when somebody has connected."
              : "Not connected."}
        </p>
        {problem ? (
          <p className="notice notice-error" role="alert">
            {errorText(problem)}
          </p>
        ) : null}
      </div>
      {connected ? (
        <button type="button" className="button" disabled={disconnect.isPending} onClick={() => disconnect.mutate()}>
          Disconnect
        </button>
      ) : (
        <button
          type="button"
          className="button button-primary"
          disabled={!state.data || connect.isPending}
          onClick={() => connect.mutate()}
        >
          Connect
        </button>
      )}
    </li>
  );
}
