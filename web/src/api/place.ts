/**
 * In which of the person's workspaces this browser acts. Null: where the session was opened. Kept over reloads; every
 * request and the socket name it.
 */
const key = "librebird.workspace";

function stored(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

let chosen = stored();

export function chosenWorkspace(): string | null {
  return chosen;
}

export function chooseWorkspace(id: string | null): void {
  chosen = id;
  try {
    if (id === null) localStorage.removeItem(key);
    else localStorage.setItem(key, id);
  } catch {
    // It holds until the page is left.
  }
}
