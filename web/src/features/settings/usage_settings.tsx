import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { rest } from "../../api/rest";
import type { Usage, UsageLimit } from "../../api/types";
import { fullTime } from "../../ui/format";
import { errorText } from "../../ui/toast";
import { keys } from "../live/cache";
import { EnterForm, Field } from "../session/enter_forms";

const whose = { user: "Yours, everywhere", workspace: "This workspace's", member: "Yours, in this workspace" } as const;
const what = {
  messages_a_day: "messages today",
  tokens_a_day: "tokens today",
  tokens_a_month: "tokens this month",
  cost_a_month: "spent this month",
  bytes: "bytes kept",
} as const;

function amount(kind: UsageLimit["what"], value: number): string {
  return kind === "cost_a_month" ? (value / 1_000_000).toFixed(2) : value.toLocaleString("en");
}

/** What one uses, what there is a limit of, and the way out: taking everything along, erasing the account. */
export function UsageSettings({ onErased }: { onErased(): void }) {
  const usage = useQuery({ queryKey: keys.usage, queryFn: ({ signal }) => rest.usage(signal) });
  return (
    <>
      <section aria-label="Use">
        <h3>What you use here</h3>
        {usage.error ? (
          <p className="notice notice-error" role="alert">
            {errorText(usage.error)}
          </p>
        ) : null}
        {usage.data ? <Totals usage={usage.data} /> : null}
      </section>
      <TakeAlong />
      <BringIn />
      <Erase onErased={onErased} />
    </>
  );
}

function Totals({ usage }: { usage: Usage }) {
  const { used, limits } = usage;
  return (
    <>
      <dl className="facts">
        <dt>Messages today</dt>
        <dd>{amount("messages_a_day", used.messages_today)}</dd>
        <dt>Tokens this month</dt>
        <dd>{amount("tokens_a_month", used.tokens_this_month)}</dd>
        {used.cost_this_month > 0 ? (
          <>
            <dt>Spent this month</dt>
            <dd>{amount("cost_a_month", used.cost_this_month)}</dd>
          </>
        ) : null}
      </dl>
      {limits.length === 0 ? <p className="quiet">Nothing is limited.</p> : null}
      <ul className="rows">
        {limits.map((each) => (
          <li key={`${each.of} ${each.what} ${each.raised_by}`} data-testid="limit">
            <div className="row-text">
              <strong>
                {amount(each.what, each.used)} of {amount(each.what, each.limit)} {what[each.what]}
              </strong>
              <p className="quiet">
                {whose[each.of]}; {each.resets_at ? `anew at ${fullTime(each.resets_at)}` : "deleting conversations makes room"};{" "}
                {each.raised_by === "operator" ? "the operator" : "an admin"} can raise it.
              </p>
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

function TakeAlong() {
  const take = useMutation({
    mutationFn: () => rest.exportMe(),
    onSuccess: (file) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(file);
      link.download = "librebird-export.tar.gz";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    },
    gcTime: 0,
  });
  return (
    <section aria-label="Take everything along">
      <h3>Take everything along</h3>
      <p className="quiet">One archive of all that is yours, in every workspace.</p>
      {take.error ? (
        <p className="notice notice-error" role="alert">
          {errorText(take.error)}
        </p>
      ) : null}
      <div className="row-end">
        <button type="button" className="button" disabled={take.isPending} onClick={() => take.mutate()}>
          {take.isPending ? "One moment…" : "Export"}
        </button>
      </div>
    </section>
  );
}

function BringIn() {
  const client = useQueryClient();
  const [file, setFile] = useState<File | null>(null);
  const bring = useMutation({
    mutationFn: (archive: File) => rest.importMe(archive),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.lists }),
    gcTime: 0,
  });
  const report = bring.data;
  const leftOut = report?.tables.reduce((sum, each) => sum + each.left_out, 0) ?? 0;
  return (
    <section aria-label="Bring an export in">
      <h3>Bring an export in</h3>
      <p className="quiet">What you took along, from here or from another server, becomes yours in this workspace. Twice adds nothing.</p>
      {bring.error ? (
        <p className="notice notice-error" role="alert">
          {errorText(bring.error)}
        </p>
      ) : null}
      {report ? (
        <div className="notice" role="status">
          <ul>
            {report.tables.map((each) => (
              <li key={each.table}>
                {each.table.replaceAll("_", " ")}: {each.added} added, {each.known} there already
              </li>
            ))}
            {report.files.added + report.files.known > 0 ? (
              <li>
                files of skills and tools: {report.files.added} added, {report.files.known} there already
              </li>
            ) : null}
          </ul>
          {leftOut > 0 ? <p>{leftOut} messages stood in conversations of others and are not in the export.</p> : null}
          {report.files.left_out > 0 ? (
            <p>{report.files.left_out} files are left out: others stand in their place, or the folder is shared.</p>
          ) : null}
        </div>
      ) : null}
      <form
        className="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (file) bring.mutate(file);
        }}
      >
        <input
          className="input"
          type="file"
          accept=".tar.gz,.tgz,application/gzip"
          aria-label="The archive"
          onChange={(event) => setFile(event.target.files?.[0] ?? null)}
        />
        <button type="submit" className="button" disabled={!file || bring.isPending}>
          {bring.isPending ? "One moment…" : "Import"}
        </button>
      </form>
    </section>
  );
}

function Erase({ onErased }: { onErased(): void }) {
  const [password, setPassword] = useState("");
  const [sure, setSure] = useState(false);
  const erase = useMutation({ mutationFn: () => rest.eraseMe(password), onSuccess: onErased, gcTime: 0 });
  return (
    <section aria-label="Erase your account">
      <h3>Erase your account</h3>
      <p className="quiet">
        All that is yours goes, with the workspaces you are alone in. A workspace with others in it has to be handed over
        first. Nothing of it can be brought back.
      </p>
      <EnterForm
        name="Erase your account"
        action={sure ? "Erase it for good" : "Erase"}
        busy={erase.isPending}
        problem={erase.error}
        onSubmit={() => {
          if (sure) erase.mutate();
          else setSure(true);
        }}
      >
        <Field label="Your password" type="password" value={password} onChange={setPassword} autoComplete="current-password" />
      </EnterForm>
    </section>
  );
}
