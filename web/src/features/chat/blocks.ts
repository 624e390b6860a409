const fence = /^[\s>]*(`{3,}|~{3,})/;
const listItem = /^\s*(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;
const definition = /^ {0,3}\[[^\]]+\]:/;

/**
 * Cuts Markdown at blank lines where a cut cannot change its meaning, so that the finished blocks of a
 * growing answer need not be rendered again. Joined with newlines, the blocks are the text.
 */
export function splitBlocks(text: string): string[] {
  const lines = text.split("\n");
  const blocks: string[] = [];
  let block: string[] = [];
  let open: string | null = null;
  let inList = false;

  for (const [index, line] of lines.entries()) {
    const mark = fence.exec(line)?.[1];
    if (open !== null) {
      if (mark && mark[0] === open[0] && mark.length >= open.length && /^[\s>]*[`~]+\s*$/.test(line)) open = null;
    } else if (mark) {
      open = mark;
    } else if (definition.test(line)) {
      // A definition may serve any other block.
      return [text];
    } else if (listItem.test(line)) {
      inList = true;
    }
    block.push(line);
    if (open !== null || line.trim() !== "" || block.every((each) => each.trim() === "")) continue;
    const next = lines[index + 1];
    if (next === undefined || next.trim() === "" || /^(?: {2}|\t| \t)/.test(next)) continue;
    if (inList && listItem.test(next)) continue;
    blocks.push(block.join("\n"));
    block = [];
    inList = false;
  }
  if (block.length > 0) blocks.push(block.join("\n"));
  return blocks;
}
