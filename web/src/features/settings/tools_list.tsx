import { useQuery } from "@tanstack/react-query";
import { rest } from "../../api/rest";
import type { Me, Tool } from "../../api/types";
import { errorText } from "../../ui/toast";
import { keys } from "../live/cache";
import { Connections } from "./connections";
import { Grants, WorkspaceMode } from "./tool_policy";

export function ToolsList({ me }: { me: Me }) {
  const tools = useQuery({ queryKey: keys.tools, queryFn: ({ signal }) => rest.tools(signal) });
  if (tools.isError && !tools.data) {
    return (
      <p className="notice notice-error" role="alert">
        {errorText(tools.error)}
      </p>
    );
  }
  if (!tools.data) return <p className="quiet">Loading…</p>;
  const skills = new Map<string, Tool[]>();
  for (const tool of tools.data.items) skills.set(tool.skill, [...(skills.get(tool.skill) ?? []), tool]);
  return (
    <>
      <WorkspaceMode me={me} />
      <Grants />
      <Connections />
      <p className="quiet">What the agent may use when it answers. Each runs confined, with only the access named here.</p>
      {[...skills].map(([skill, items]) => (
        <section key={skill} className="skill">
          <h3>{skill}</h3>
          <ul className="rows">
            {items.map((tool) => (
              <li key={tool.name}>
                <div className="row-text">
                  <code className="tool-name">{tool.name}</code>
                  <p>{tool.description}</p>
                  <p className="quiet">{access(tool)}</p>
                </div>
              </li>
            ))}
          </ul>
        </section>
      ))}
      {tools.data.items.length === 0 ? <p className="quiet">There are no tools.</p> : null}
    </>
  );
}

function access(tool: Tool): string {
  const where = tool.runs_on === "device" ? "Runs on your device" : "Runs in the sandbox";
  return `${where} · ${tool.network?.length ? `reaches ${tool.network.join(", ")}` : "no network"}`;
}
