/** The mark: a small bird looking up, drawn with three shapes. */
export function Bird({ size = 24 }: { size?: number }) {
  return (
    <svg className="bird" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path
        className="bird-body"
        d="M5 25.5c1.2-1 2.2-2.4 2.9-4.2C9.4 17.2 10.6 8 18.6 6.5c3.7-.7 6.6 1.4 7.3 4.5L30 12.6l-4 1.8c-.1 6.6-4.7 11.7-11.6 11.7-3.8 0-6.8-.6-9.4-.6Z"
      />
      <path className="bird-wing" d="M10.2 21.4c2-1 3.3-3 4.5-5 1.2-2.1 3.2-3 5.5-2.3-.3 4.7-4 8.4-10 7.3Z" />
      <circle className="bird-eye" cx="21.4" cy="11" r="1.2" />
    </svg>
  );
}
