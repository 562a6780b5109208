// SPDX-License-Identifier: MIT
// Where a list of messages stands: at its end while the reader is there, still while older ones
// come above.
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

const NEAR_PX = 60;
const AHEAD_PX = 600;

interface Options { first: number | undefined; last: string; hasOlder: boolean; loadOlder: () => Promise<void> }

export function useScroll(list: RefObject<HTMLDivElement | null>, { first, last, hasOlder, loadOlder }: Options) {
  const [isAtEnd, setIsAtEnd] = useState(true);
  const atEnd = useRef(true);
  const before = useRef<{ first: number | undefined; height: number; top: number }>({ first: undefined, height: 0, top: 0 });
  const toEnd = useCallback((isSmooth = false) => {
    const element = list.current;
    if (element) {
      atEnd.current = true;
      setIsAtEnd(true);
      element.scrollTo({ top: element.scrollHeight, behavior: isSmooth ? 'smooth' : 'instant' });
    }
  }, [list]);

  useLayoutEffect(() => {
    const element = list.current!;
    const was = before.current;
    if (atEnd.current) {
      element.scrollTop = element.scrollHeight;
    } else if (was.first !== undefined && first !== was.first) {
      element.scrollTop = was.top + element.scrollHeight - was.height;
    }
    before.current = { first, height: element.scrollHeight, top: element.scrollTop };
  }, [list, first, last]);

  useEffect(() => {
    const element = list.current!;
    // The composer grows, the keyboard of a phone comes: the end stays in sight.
    const observer = new ResizeObserver(() => atEnd.current && (element.scrollTop = element.scrollHeight));
    observer.observe(element);
    for (const child of element.children) {
      observer.observe(child);
    }
    return () => observer.disconnect();
  }, [list]);

  const look = useCallback(() => {
    const element = list.current;
    if (!element) {
      return;
    }
    atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
    setIsAtEnd(atEnd.current);
    before.current = { ...before.current, height: element.scrollHeight, top: element.scrollTop };
    if (hasOlder && element.scrollTop < AHEAD_PX) {
      void loadOlder().catch(() => {});
    }
  }, [list, hasOlder, loadOlder]);

  // A page that does not fill the window cannot be scrolled.
  useEffect(look, [look, first]);
  return { isAtEnd, toEnd, onScroll: look };
}
