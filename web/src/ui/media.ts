/** Matches the breakpoint of layout.css, where the list becomes a drawer. */
export function isNarrow(): boolean {
  return window.matchMedia?.("(max-width: 800px)").matches ?? false;
}
