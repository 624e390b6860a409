// What a test must undo, undone last first: the server stops before its folder disappears.
const stacks = new WeakMap();

export function atEnd(t, undo) {
  if (!t) return; // belongs to the whole file
  if (!stacks.has(t)) {
    const stack = [];
    stacks.set(t, stack);
    t.after(async () => {
      const failures = [];
      for (const step of stack.reverse()) {
        try {
          await step();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    });
  }
  stacks.get(t).push(undo);
}
