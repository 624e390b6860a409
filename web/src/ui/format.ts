const minute = 60_000;
const day = 24 * 60 * minute;

/** A short time for a list: the hour today, the weekday this week, else the date. */
export function shortTime(iso: string, now: Date = new Date()): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return "";
  const age = now.getTime() - time.getTime();
  if (time.toDateString() === now.toDateString()) {
    return time.toLocaleTimeString(undefined, { hour: "numeric", minute: "2-digit" });
  }
  if (age < 6 * day) return time.toLocaleDateString(undefined, { weekday: "short" });
  const sameYear = time.getFullYear() === now.getFullYear();
  return time.toLocaleDateString(undefined, { day: "numeric", month: "short", ...(sameYear ? {} : { year: "numeric" }) });
}

// Made once: to make one costs more than to use it a hundred times.
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function fullTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? "" : full.format(time);
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < minute) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / minute)} min ${Math.round((ms % minute) / 1000)} s`;
}
