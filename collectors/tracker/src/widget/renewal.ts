/** When a list is worth asking for again: after clicks, once the visitor looks at the page again. */
import { ITEM } from "../marks";
import { listen, safely } from "../safely";

/** A click reaches the store within a second, later on a busy machine. */
const AFTER_MS = [700, 1_800, 4_500];
/** As long after a click its page is still there: it led elsewhere than to another document. */
const STAYS_MS = 1_500;
/** An older click is known to the server by now. */
const RECENT_MS = 60_000;
const CLICKED = "civicrec.clicked";

/**
 * @param renew Asks for the list again, and calls what it is given if that is what it was.
 * @param mayKeep Whether the time of a click may be kept on the device, for the page that comes next.
 */
export function renewal(renew: (still: () => void) => void, mayKeep: () => boolean): void {
  let known = 0;
  let timer = 0;

  function look(attempt: number): void {
    clearTimeout(timer);
    if (AFTER_MS[attempt]) {
      timer = setTimeout(() => renew(() => look(attempt + 1)), AFTER_MS[attempt]);
    }
  }
  const shown = safely((): void => {
    const clicked = +sessionStorage.getItem(CLICKED)!;
    if (document.hidden || clicked <= known || Date.now() - clicked > RECENT_MS) return;
    known = clicked;
    look(0);
  });
  listen("click auxclick", (event) => {
    if (!(event.target as Element).closest(ITEM) || !mayKeep()) return;
    sessionStorage.setItem(CLICKED, String(Date.now()));
    clearTimeout(timer);
    timer = setTimeout(shown, STAYS_MS);
  });
  listen("visibilitychange pageshow", shown);
}
