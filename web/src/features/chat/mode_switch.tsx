import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { rest } from "../../api/rest";
import type { ApprovalMode } from "../../api/types";
import { Icon } from "../../ui/icons";
import { errorText, useToast } from "../../ui/toast";
import { keys } from "../live/cache";

export const modeNames: Record<ApprovalMode, string> = {
  read_only: "Read only",
  ask: "Ask first",
  auto: "Auto",
};

/** How much tools may do unasked in this conversation. */
export function ModeSwitch({ id }: { id: string }) {
  const client = useQueryClient();
  const toast = useToast();
  const mode = useQuery({ queryKey: keys.toolMode(id), queryFn: ({ signal }) => rest.toolMode(id, signal) });
  const set = useMutation({
    mutationFn: (wanted: ApprovalMode | null) => rest.setToolMode(id, wanted),
    onSuccess: (now) => client.setQueryData(keys.toolMode(id), now),
    onError: (error) => toast(errorText(error), { kind: "error" }),
  });
  if (!mode.data) return null;
  const { workspace, conversation, effective } = mode.data;
  // Nothing loosens a workspace that is read only.
  const fixed = workspace === "read_only" || (effective === "read_only" && conversation !== null && conversation !== "read_only");
  return (
    <label className={`mode-switch mode-${effective}`} title="What tools may do in this conversation without asking you">
      <Icon name="shield" size={16} />
      <span className="visually-hidden">What tools may do in this conversation</span>
      <select
        data-testid="mode-switch"
        value={fixed ? "read_only" : (conversation ?? "")}
        disabled={fixed || set.isPending}
        onChange={(event) => set.mutate(event.target.value === "" ? null : (event.target.value as ApprovalMode))}
      >
        <option value="">{conversation === null ? modeNames[effective] : "As the workspace"}</option>
        <option value="read_only">Read only: nothing that writes or leaves</option>
        <option value="ask">Ask first</option>
        <option value="auto">Auto: never ask</option>
      </select>
    </label>
  );
}
