// Asking the node from a room: once, or again and again while the room is looked at.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

/** An answer, or why there is none yet. What was answered last stays while it is asked again. */
export interface Answer<T> {
  value?: T | undefined;
  fault?: unknown;
  isAsking: boolean;
  again: () => void;
}

/**
 * Asks when the room opens and when what is asked for changes.
 *
 * @param key What is asked for: another one is another question.
 * @param everyMs Asks again after so long, while the page can be seen; never where it is left out.
 */
export function useAnswer<T>(ask: () => Promise<T>, key: string, everyMs?: number): Answer<T> {
  const [answer, setAnswer] = useState<{ key: string; value?: T; fault?: unknown; isAsking: boolean }>({
    key,
    isAsking: true,
  });
  const latest = useRef(ask);
  latest.current = ask;
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let isOver = false;
    setAnswer((before) => (before.key === key ? { ...before, isAsking: true } : { key, isAsking: true }));
    latest.current().then(
      (value) => isOver || setAnswer({ key, value, isAsking: false }),
      (fault) =>
        isOver ||
        setAnswer((before) => ({ ...(before.key === key ? before : { key }), fault, isAsking: false })),
    );
    return () => {
      isOver = true;
    };
  }, [key, turn]);
  const again = useCallback(() => setTurn((before) => before + 1), []);
  useEffect(() => {
    if (everyMs === undefined) return;
    const timer = setInterval(() => document.visibilityState === 'visible' && again(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, again]);
  return { ...answer, again };
}
