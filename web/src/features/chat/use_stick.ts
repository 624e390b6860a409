import { useCallback, useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";

const near = 64;

/**
 * Keeps the end of a growing list in view for as long as the reader is there, and the reader's place when
 * older items are put above it.
 */
export function useStick(scroller: RefObject<HTMLElement | null>, firstKey: string | undefined, resetKey: string) {
  const [away, setAway] = useState(false);
  const stuck = useRef(true);
  const before = useRef<{ firstKey: string | undefined; height: number }>({ firstKey: undefined, height: 0 });

  const jump = useCallback(
    (smooth = false) => {
      const element = scroller.current;
      if (!element) return;
      stuck.current = true;
      setAway(false);
      const calm = window.matchMedia?.("(prefers-reduced-motion: reduce)").matches;
      element.scrollTo?.({ top: element.scrollHeight, behavior: smooth && !calm ? "smooth" : "instant" });
    },
    [scroller],
  );

  useLayoutEffect(() => {
    before.current = { firstKey: undefined, height: 0 };
    jump();
  }, [resetKey, jump]);

  // Older items came above: move down by what they added. (Safari does not anchor scrolling itself.)
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const was = before.current;
    if (was.firstKey !== undefined && was.firstKey !== firstKey && !stuck.current) {
      element.scrollTop += element.scrollHeight - was.height;
    }
    before.current = { firstKey, height: element.scrollHeight };
  }, [firstKey, scroller]);

  useEffect(() => {
    const element = scroller.current;
    const content = element?.firstElementChild;
    if (!element || !content) return;
    let top = element.scrollTop;
    const onScroll = () => {
      const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < near;
      // Only moving up lets go: growth of the content alone must not.
      if (atEnd) stuck.current = true;
      else if (element.scrollTop < top) stuck.current = false;
      top = element.scrollTop;
      setAway(!atEnd && !stuck.current);
    };
    const follow = () => {
      if (stuck.current) element.scrollTop = element.scrollHeight;
      else onScroll();
      before.current.height = element.scrollHeight;
    };
    const observer = new ResizeObserver(follow);
    observer.observe(content);
    observer.observe(element);
    element.addEventListener("scroll", onScroll, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", onScroll);
    };
  }, [scroller]);

  return { away, jump };
}
