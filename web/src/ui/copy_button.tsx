import { useEffect, useRef, useState } from "react";
import { Icon } from "./icons";

/** The clipboard API exists only on secure origins; a home server is often reached by plain http. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    const host = document.querySelector("dialog[open]") ?? document.body;
    const focused = document.activeElement;
    host.append(area);
    area.select();
    try {
      return document.execCommand("copy");
    } catch {
      return false;
    } finally {
      area.remove();
      if (focused instanceof HTMLElement) focused.focus();
    }
  }
}

interface Props {
  text: string | (() => string);
  label: string;
  caption?: string;
  className?: string;
}

export function CopyButton({ text, label, caption, className = "icon-button" }: Props) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    const ok = await copyText(typeof text === "string" ? text : text());
    setState(ok ? "copied" : "failed");
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setState("idle"), 1800);
  };
  const said = state === "copied" ? "Copied" : state === "failed" ? "Could not copy" : label;
  return (
    <button type="button" className={className} onClick={() => void copy()} aria-label={said} title={said}>
      <Icon name={state === "copied" ? "check" : state === "failed" ? "alert" : "copy"} size={16} />
      {caption ? <span>{state === "copied" ? "Copied" : caption}</span> : null}
    </button>
  );
}
