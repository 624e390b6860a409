import type { ReactNode } from "react";
import { Bird } from "../../ui/bird";

/** A page with one thing to say. */
export function CalmPage({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className="calm-page">
      <div className="calm-card">
        <Bird size={56} />
        <h1>{title}</h1>
        {children}
      </div>
    </main>
  );
}
