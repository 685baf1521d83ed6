import { isHidden } from "./page";
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

export interface Read {
  active_ms: number;
  scroll_pct: number;
}

/**
 * Measure the time a page is visible, focused and in use, and how far down it was seen.
 *
 * @param tell Hears of it in pieces that add up.
 * @returns Tell now; `isOver`: another page comes in the same document.
 */
export function engagement(tell: (read: Read) => void): (isOver?: boolean) => void {
  let since = 0;
  let lastSign = performance.now();
  let active = 0;
  let deepest = 0;
  let looking = 0;
  let scroller: Element | undefined;

  function settle(): void {
    const now = performance.now();
    if (since) active += Math.max(0, Math.min(now, lastSign + IDLE_MS) - since);
    since = !isHidden() && document.hasFocus() ? now : 0;
  }

  // Safari 10 has no `elementsFromPoint`: it says nothing of the depth.
  const look = safely((): void => {
    let height = document.documentElement.scrollHeight;
    let end = scrollY + innerHeight;
    // Where the page itself has less to scroll than a large box in the middle of the screen, the box holds the content.
    document.elementsFromPoint(innerWidth / 2, innerHeight / 2).forEach((box) => {
      const { clientHeight, scrollHeight } = box;
      const isScroller = scrollHeight - clientHeight > height - innerHeight && clientHeight > innerHeight / 2;
      if (isScroller && /^[aos]/.test(getComputedStyle(box).overflowY)) scroller = box; // auto, overlay, scroll
    });
    if (scroller && scroller.clientHeight) {
      height = scroller.scrollHeight;
      end = scroller.scrollTop + scroller.clientHeight;
    }
    if (height) deepest = Math.max(deepest, Math.min(100, (end / height) * 100));
  });

  function tellNow(isOver?: boolean): void {
    settle();
    look();
    if (active >= LEAST_MS) {
      tell({ active_ms: active, scroll_pct: deepest });
      active = 0;
    }
    if (!isOver) return;
    lastSign = performance.now();
    active = deepest = 0;
    scroller = undefined;
  }

  listen("scroll", () => {
    looking = looking || setTimeout(safely(() => { looking = 0; look(); }), LOOK_MS);
  });
  listen("scroll pointerdown pointermove keydown wheel touchmove", () => {
    const now = performance.now();
    if (now - lastSign < NOTICE_MS) return;
    settle();
    lastSign = now;
  });
  listen("focus blur pageshow visibilitychange", settle);
  setInterval(safely(tellNow), PING_MS);
  settle();
  return tellNow;
}
