const start = "\u2068";
const end = "\u2069";

/** A search result's text; what matched stands between U+2068 and U+2069. */
export function Snippet({ text }: { text: string }) {
  const [before = "", ...rest] = text.split(start);
  return (
    <span className="snippet">
      {before.replaceAll(end, "")}
      {rest.map((piece, index) => {
        const at = piece.indexOf(end);
        const match = at < 0 ? piece : piece.slice(0, at);
        const after = at < 0 ? "" : piece.slice(at + 1).replaceAll(end, "");
        return (
          <span key={index}>
            <mark>{match}</mark>
            {after}
          </span>
        );
      })}
    </span>
  );
}
