import { listen, safely } from "./safely";

/** Without a sign of life for this long nobody is taken to be reading. */
const IDLE_MS = 30_000;
const PING_MS = 15_000;
/** Shorter is no reading. */
const LEAST_MS = 500;
/** Signs of life closer together than this say nothing new. */
const NOTICE_MS = 500;
/** Asking for the height of a page makes the browser lay it out. */
const LOOK_MS = 200;
const DAY_MS = 86_400_000;

export interface Read {
  active_ms: number;
  scroll_pct: number;
}

/**
 * Measure the time a page is visible, focused and in use, and how far down it was seen.
 *
 * @param tell Hears of it in pieces that add up.
 * @returns `tellNow`, and `restart` for another page in the same document.
 */
export function engagement(tell: (read: Read) => void): { tellNow(): void; restart(): void } {
  let since = 0;
  let lastSign = performance.now();
  let active = 0;
  let deepest = 0;
  let looking = 0;

  const isEngaged = (): boolean => document.visibilityState === "visible" && document.hasFocus();

  function settle(): void {
    const now = performance.now();
    if (since) active += Math.max(0, Math.min(now, lastSign + IDLE_MS) - since);
    since = isEngaged() ? now : 0;
  }

  function look(): void {
    const height = document.documentElement.scrollHeight;
    if (height) deepest = Math.max(deepest, Math.min(100, Math.round(((scrollY + innerHeight) / height) * 100)));
  }

  function tellNow(): void {
    settle();
    look();
    if (active < LEAST_MS) return;
    tell({ active_ms: Math.min(DAY_MS, Math.round(active)), scroll_pct: deepest });
    active = 0;
  }

  listen(window, "scroll", () => {
    looking ||= setTimeout(safely(() => { looking = 0; look(); }), LOOK_MS);
  }, true);
  listen(window, "scroll pointerdown pointermove keydown wheel touchmove", () => {
    const now = performance.now();
    if (now - lastSign < NOTICE_MS) return;
    settle();
    lastSign = now;
  }, true);
  listen(window, "focus blur pageshow", settle);
  listen(document, "visibilitychange", settle);
  setInterval(safely(tellNow), PING_MS);
  settle();

  return {
    tellNow,
    restart() {
      lastSign = performance.now();
      active = deepest = 0;
    },
  };
}
