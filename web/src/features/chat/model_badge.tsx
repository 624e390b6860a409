import { useEffect, useId, useRef, useState } from "react";
import type { ModelInfo } from "../../api/types";

/** Which model answers. A demo says so plainly, and how to connect a real one. */
export function ModelBadge({ model }: { model: ModelInfo }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const away = (event: PointerEvent) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    document.addEventListener("keydown", escape, true);
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("keydown", escape, true);
    };
  }, [open]);
  const label = model.label || model.name;
  return (
    <div className="model-badge-box" ref={box}>
      <button
        type="button"
        className={model.demo ? "model-badge model-badge-demo" : "model-badge"}
        data-testid="model-badge"
        data-demo={model.demo}
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen((was) => !was)}
      >
        {model.demo ? (
          <>
            Demo<span className="only-wide"> – not a real model</span>
          </>
        ) : (
          label
        )}
      </button>
      <div className="popover" id={id} hidden={!open}>
        <p>
          <strong>{label}</strong>
          {model.demo ? null : <span className="quiet"> {model.provider}</span>}
        </p>
        {model.demo ? (
          <p>It follows simple rules and calls the real tools, to show how Libre Bird works.</p>
        ) : null}
        {model.demo && model.hint ? <p className="popover-hint">{model.hint}</p> : null}
      </div>
    </div>
  );
}
