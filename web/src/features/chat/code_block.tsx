import { useDeferredValue, useEffect, useMemo, useState, type ReactNode } from "react";
import { CopyButton } from "../../ui/copy_button";
import type { Highlighted } from "./highlight";

type Highlight = (code: string, language: string) => Highlighted | null;

let loaded: Highlight | null = null;
let loading: Promise<void> | null = null;

/** The highlighter is fetched with the first code block that can use it. */
function useHighlighter(wanted: boolean): Highlight | null {
  const [, loadedNow] = useState(loaded !== null);
  useEffect(() => {
    if (!wanted || loaded) return;
    let alive = true;
    loading ??= import("./highlight").then((module) => {
      loaded = module.highlight;
    });
    loading
      .then(() => alive && loadedNow(true))
      .catch(() => {
        // Offline: plain text will do, and the next block tries again.
        loading = null;
      });
    return () => {
      alive = false;
    };
  }, [wanted]);
  return loaded;
}

const longestHighlighted = 60_000;

function toReact(nodes: Highlighted): ReactNode[] {
  return nodes.map((node, index) => {
    if (node.type === "text") return node.value;
    if (node.type !== "element") return null;
    const names = node.properties.className;
    return (
      <span key={index} className={Array.isArray(names) ? names.join(" ") : undefined}>
        {toReact(node.children as Highlighted)}
      </span>
    );
  });
}

export function CodeBlock({ code, language }: { code: string; language: string }) {
  const highlighter = useHighlighter(language !== "");
  // While code streams in, the colours may lag behind the text, never the other way round.
  const coloured = useDeferredValue(code);
  const tree = useMemo(() => {
    if (!highlighter || !language || coloured.length > longestHighlighted) return null;
    const nodes = highlighter(coloured, language);
    return nodes && toReact(nodes);
  }, [highlighter, coloured, language]);
  return (
    <figure className="code-block">
      <figcaption>
        <span>{language || "text"}</span>
        <CopyButton text={code} label="Copy code" caption="Copy" className="code-copy" />
      </figcaption>
      <pre tabIndex={0}>
        <code>{tree && code.startsWith(coloured) ? [...tree, code.slice(coloured.length)] : code}</code>
      </pre>
    </figure>
  );
}
