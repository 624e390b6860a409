import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { rest } from "../../api/rest";
import type { ApiKey } from "../../api/types";
import { CopyButton } from "../../ui/copy_button";
import { fullTime } from "../../ui/format";
import { errorText } from "../../ui/toast";
import { keys } from "../live/cache";

export function ApiKeys() {
  const client = useQueryClient();
  const list = useQuery({ queryKey: keys.apiKeys, queryFn: ({ signal }) => rest.apiKeys(signal) });
  const input = useRef<HTMLInputElement>(null);
  const [name, setName] = useState("");
  const refresh = () => client.invalidateQueries({ queryKey: keys.apiKeys });
  const create = useMutation({
    mutationFn: (wanted: string) => rest.createApiKey(wanted),
    onSuccess: () => {
      setName("");
      return refresh();
    },
    // The secret is shown once and kept nowhere.
    gcTime: 0,
  });
  const revoked = (key: ApiKey) => {
    if (create.data?.api_key.id === key.id) create.reset();
    input.current?.focus();
    return refresh();
  };
  const problem = create.error ?? (list.data ? null : list.error);
  return (
    <>
      <p className="quiet">
        A key lets a program act as you, by the REST API or the OpenAI-compatible one at <code>/v1</code>.
      </p>
      <form
        className="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) create.mutate(name.trim());
        }}
      >
        <input
          ref={input}
          className="input"
          value={name}
          maxLength={100}
          placeholder="What is it for?"
          aria-label="Name of the new key"
          onChange={(event) => setName(event.target.value)}
        />
        <button type="submit" className="button button-primary" disabled={!name.trim() || create.isPending}>
          Create key
        </button>
      </form>
      {problem ? (
        <p className="notice notice-error" role="alert">
          {errorText(problem)}
        </p>
      ) : null}
      {create.data ? (
        <div className="notice notice-secret" role="status">
          <p>
            The key <strong>{create.data.api_key.name}</strong>. Copy it now: it is not shown again.
          </p>
          <div className="command">
            <code data-testid="api-key-secret">{create.data.secret}</code>
            <CopyButton text={create.data.secret} label="Copy the key" />
          </div>
        </div>
      ) : null}
      <ul className="rows">
        {list.data?.items.map((key) => (
          <Key key={key.id} apiKey={key} onRevoked={() => revoked(key)} />
        ))}
      </ul>
      {list.data?.items.length === 0 ? <p className="quiet">There are no keys.</p> : null}
    </>
  );
}

function Key({ apiKey, onRevoked }: { apiKey: ApiKey; onRevoked(): Promise<void> }) {
  // Null until it was asked once; the focus follows the buttons that take each other's place.
  const [asked, setAsked] = useState<boolean | null>(null);
  const revoke = useMutation({ mutationFn: () => rest.revokeApiKey(apiKey.id), onSuccess: onRevoked });
  return (
    <li>
      <div className="row-text">
        <strong>{apiKey.name}</strong> <code>{apiKey.prefix}…</code>
        <p className="quiet">
          {revoke.error
            ? errorText(revoke.error)
            : `Made ${fullTime(apiKey.created_at)} · ${apiKey.last_used_at ? `last used ${fullTime(apiKey.last_used_at)}` : "never used"}`}
        </p>
      </div>
      {asked ? (
        <>
          <button type="button" className="button button-small" autoFocus onClick={() => setAsked(false)}>
            Keep
          </button>
          <button type="button" className="button button-small button-danger" disabled={revoke.isPending} onClick={() => revoke.mutate()}>
            Revoke
          </button>
        </>
      ) : (
        <button
          type="button"
          className="button button-small"
          autoFocus={asked === false}
          aria-label={`Revoke ${apiKey.name}`}
          onClick={() => setAsked(true)}
        >
          Revoke…
        </button>
      )}
    </li>
  );
}
