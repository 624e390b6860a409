import { useState } from "react";
import type { Me } from "../../api/types";
import { Dialog } from "../../ui/dialog";
import { errorText, useToast } from "../../ui/toast";
import { useOutbox } from "../live/context";
import { AccountSettings } from "./account_settings";
import { ApiKeys } from "./api_keys";
import { storedTheme, storeTheme, type Theme } from "./theme";
import { ToolsList } from "./tools_list";
import { UsageSettings } from "./usage_settings";
import { WorkspaceSettings } from "./workspace_settings";

const sections = ["General", "Account", "Workspace", "API keys", "Tools", "Your data"] as const;
type Section = (typeof sections)[number];

interface Props {
  me: Me;
  onClose(): void;
  onSignOut(): Promise<void>;
}

export function SettingsDialog({ me, onClose, onSignOut }: Props) {
  const [section, setSection] = useState<Section>("General");
  return (
    <Dialog title="Settings" onClose={onClose} wide>
      <div className="tabs" role="tablist" aria-label="Settings">
        {sections.map((name, index) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${index}`}
            aria-selected={section === name}
            aria-controls="settings-panel"
            tabIndex={section === name ? 0 : -1}
            onClick={() => setSection(name)}
            onKeyDown={(event) => {
              const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
              if (step === 0) return;
              const next = (index + step + sections.length) % sections.length;
              setSection(sections[next] ?? "General");
              document.getElementById(`tab-${next}`)?.focus();
            }}
          >
            {name}
          </button>
        ))}
      </div>
      <div id="settings-panel" className="settings-panel" role="tabpanel" aria-labelledby={`tab-${sections.indexOf(section)}`}>
        {section === "General" ? <General me={me} onSignOut={onSignOut} /> : null}
        {section === "Account" ? <AccountSettings onSignedOutEverywhere={() => void onSignOut()} /> : null}
        {section === "Workspace" ? <WorkspaceSettings me={me} /> : null}
        {section === "API keys" ? <ApiKeys /> : null}
        {section === "Tools" ? <ToolsList me={me} /> : null}
        {section === "Your data" ? <UsageSettings onErased={() => location.reload()} /> : null}
      </div>
    </Dialog>
  );
}

function General({ me, onSignOut }: Pick<Props, "me" | "onSignOut">) {
  const [theme, setTheme] = useState<Theme>(storedTheme);
  const [leaving, setLeaving] = useState(false);
  const [asked, setAsked] = useState(false);
  const unsent = useOutbox().length;
  const toast = useToast();
  const signOut = async () => {
    if (unsent > 0 && !asked) {
      setAsked(true);
      return;
    }
    setLeaving(true);
    try {
      await onSignOut();
    } catch (error) {
      setLeaving(false);
      toast(errorText(error), { kind: "error" });
    }
  };
  const { model, version } = me.server;
  return (
    <>
      <fieldset className="themes">
        <legend>Theme</legend>
        {(["system", "light", "dark"] as const).map((each) => (
          <label key={each} className={theme === each ? "theme theme-chosen" : "theme"}>
            <input
              type="radio"
              name="theme"
              value={each}
              checked={theme === each}
              onChange={() => {
                setTheme(each);
                storeTheme(each);
              }}
            />
            {each[0]?.toUpperCase()}
            {each.slice(1)}
          </label>
        ))}
      </fieldset>
      <dl className="facts">
        <dt>You</dt>
        <dd>
          {me.user.display_name}
          {me.user.email ? <span className="quiet"> {me.user.email}</span> : null}
        </dd>
        <dt>Workspace</dt>
        <dd>
          {me.workspace.name} <span className="quiet">{me.workspace.role}</span>
        </dd>
        <dt>Model</dt>
        <dd>
          {model.label || model.name}
          {model.demo && model.hint ? <p className="hint">{model.hint}</p> : null}
        </dd>
        <dt>Version</dt>
        <dd>{version}</dd>
      </dl>
      {asked ? (
        <p className="notice notice-error" role="alert">
          {unsent === 1 ? "A message has" : `${unsent} messages have`} not been sent yet and would be lost.
        </p>
      ) : null}
      <div className="row-end">
        <button type="button" className={asked ? "button button-danger" : "button"} disabled={leaving} onClick={() => void signOut()}>
          {asked ? "Sign out anyway" : "Sign out"}
        </button>
      </div>
    </>
  );
}
