import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { rest } from "../../api/rest";
import type { Me, RetentionRules } from "../../api/types";
import { ConfirmDialog } from "../../ui/dialog";
import { errorText } from "../../ui/toast";
import { keys } from "../live/cache";
import { isAtLeast } from "./roles";

const kept = (days: number) => (days === 0 ? "for ever" : `${days} ${days === 1 ? "day" : "days"} after the last message`);

/** How long the workspace keeps conversations. What would go at once is said before it is set. */
export function Retention({ me }: { me: Me }) {
  const rules = useQuery({ queryKey: keys.retention, queryFn: ({ signal }) => rest.retention(me.workspace.id, signal) });
  return (
    <section aria-label="How long conversations are kept">
      <h3>How long conversations are kept</h3>
      {rules.error ? (
        <p className="notice notice-error" role="alert">
          {errorText(rules.error)}
        </p>
      ) : null}
      {rules.data ? (
        <>
          <p className="quiet">
            Conversations: {kept(rules.data.conversation_days)}. In the archive: {kept(rules.data.archived_days)}.
          </p>
          {isAtLeast(me.workspace.role, "admin") ? <Change me={me} rules={rules.data} /> : null}
        </>
      ) : null}
    </section>
  );
}

function Change({ me, rules }: { me: Me; rules: RetentionRules }) {
  const client = useQueryClient();
  const [plain, setPlain] = useState(String(rules.conversation_days));
  const [archived, setArchived] = useState(String(rules.archived_days));
  const wanted = { conversation_days: Number(plain), archived_days: Number(archived) };
  const look = useMutation({ mutationFn: () => rest.setRetention(me.workspace.id, { ...wanted, dry_run: true }) });
  const set = useMutation({
    mutationFn: () => rest.setRetention(me.workspace.id, wanted),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.retention }),
    onSettled: () => look.reset(),
  });
  const valid = [plain, archived].every((days) => /^\d{1,5}$/.test(days) && Number(days) <= 36_500);
  const changed = wanted.conversation_days !== rules.conversation_days || wanted.archived_days !== rules.archived_days;
  const problem = look.error ?? set.error;
  const past = look.data?.conversations_past ?? 0;
  return (
    <>
      <form
        className="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (valid && changed) look.mutate(undefined, { onSuccess: ({ conversations_past }) => conversations_past === 0 && set.mutate() });
        }}
      >
        <label className="field">
          <span>Days (0: for ever)</span>
          <input className="input" inputMode="numeric" value={plain} onChange={(event) => setPlain(event.target.value)} />
        </label>
        <label className="field">
          <span>Days in the archive (0: for ever)</span>
          <input className="input" inputMode="numeric" value={archived} onChange={(event) => setArchived(event.target.value)} />
        </label>
        <button type="submit" className="button" disabled={!valid || !changed || look.isPending || set.isPending}>
          Set
        </button>
      </form>
      {problem ? (
        <p className="notice notice-error" role="alert">
          {errorText(problem)}
        </p>
      ) : null}
      {past > 0 ? (
        <ConfirmDialog
          title="Delete what is older?"
          action={`Delete ${past} ${past === 1 ? "conversation" : "conversations"}`}
          busy={set.isPending}
          onConfirm={() => set.mutate()}
          onClose={() => look.reset()}
        >
          <p>
            {past} {past === 1 ? "conversation of this workspace is" : "conversations of this workspace are"} older than that, of all
            its members. They are deleted within an hour, for good.
          </p>
        </ConfirmDialog>
      ) : null}
    </>
  );
}
