import type { Queue } from "./queue";
import { listen, safely } from "./safely";
import type { Shelf } from "./shelf";
import { madeAt } from "./uuid";

const BATCH = 10;
const EVERY_MS = 5_000;
const MAX_BATCH = 50;
/** Browsers let 64 KiB of `keepalive` bodies be under way. */
const MAX_BYTES = 60_000;
/** An event this old, not of this page, and still there: its page is gone, or has failed to deliver it. */
const LEFT_BEHIND_MS = 10_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 5 * 60_000;
const LONGEST_ASKED_MS = 60 * 60_000;

export interface Delivery {
  /** Tell that the queue holds a new event of this page. */
  added(id: string, urgent: boolean): void;
  /** Send now what this page made; for when the page may be going. */
  leave(): void;
  setToken(token: string): void;
}

/**
 * Sends the queue, and takes an event out of it only once the collector has answered for it: whatever becomes of a
 * page, the next one repeats what was left, under the same ids, which the collector counts once.
 */
export function delivery(endpoint: string, queue: Queue, shelf: () => Shelf, allowed: () => boolean): Delivery {
  const mine = new Set<string>();
  const flying = new Set<string>();
  let token = "";
  let timer = 0;
  let timerAt = 0;
  let failures = 0;
  let isAsked = false;

  /** Pause before the next request, kept on the shelf so that the next page and the other tabs keep it too. */
  const pause = (): number => {
    const ms = Number(shelf().get("wait")) - Date.now();
    return ms > 0 && ms <= LONGEST_ASKED_MS ? ms : 0; // longer: the clock has been set since
  };

  function later(ms: number): void {
    const wait = Math.max(ms, pause());
    const at = performance.now() + wait;
    if (timer && timerAt <= at) return;
    clearTimeout(timer);
    timerAt = at;
    timer = setTimeout(safely(() => { timer = 0; send(false); }), wait);
  }

  /** Ids and text of the next batch: within the limits, and under a token only what was made under it. */
  function next(leaving: boolean): [string[], string] {
    const now = Date.now();
    const all = queue.ids();
    for (const id of mine) if (!all.includes(id)) mine.delete(id); // delivered by another tab, or dropped
    const due = all.filter((id) => !flying.has(id));
    const own = due.filter((id) => mine.has(id));
    const withToken = !!token && own.length > 0;
    const left = due.filter((id) => !mine.has(id) && Math.abs(now - madeAt(id)) > LEFT_BEHIND_MS);
    const chosen = leaving || withToken ? own : [...own, ...left]; // a page's own must not wait behind old ones
    const ids: string[] = [];
    const events: string[] = [];
    let bytes = 0;
    for (const id of chosen.slice(0, MAX_BATCH)) {
      const event = queue.get(id) ?? ""; // gone: another tab has delivered it
      bytes += 3 * event.length; // no character of a text takes more
      if (ids.length && bytes > MAX_BYTES) break;
      ids.push(id);
      if (event) events.push(event);
    }
    const head = { sent_at: new Date(now).toISOString(), ...(withToken ? { subject_token: token } : {}) };
    return [ids, events.length ? `${JSON.stringify(head).slice(0, -1)},"events":[${events}]}` : ""];
  }

  function send(leaving: boolean): void {
    if (!allowed() || (flying.size && !leaving)) return;
    if (pause()) return later(0);
    const [ids, body] = next(leaving);
    if (!body) return;
    ids.forEach((id) => flying.add(id));
    const settle = (isDone: boolean): void => ids.forEach((id) => {
      flying.delete(id);
      if (!isDone) return;
      mine.delete(id);
      queue.drop(id);
    });
    let answer: Promise<Response>;
    try {
      if (leaving && !("keepalive" in Request.prototype)) {
        navigator.sendBeacon(endpoint, body);
        setTimeout(settle, EVERY_MS, false); // whether it arrived nobody will hear, so it stays in the queue
        return;
      }
      // text/plain needs no preflight; keepalive lets it outlive the page.
      answer = fetch(endpoint, {
        method: "POST", body, keepalive: true, credentials: "omit", headers: { "Content-Type": "text/plain" },
      });
    } catch {
      return settle(!!safely(() => navigator.sendBeacon(endpoint, body))()); // the page has broken fetch
    }
    answer.then(
      safely((response) => {
        const isBusy = response.status === 408 || response.status === 429 || response.status >= 500;
        settle(!isBusy);
        if (isBusy) return again(response.headers.get("Retry-After"));
        if (!response.ok) queue.lose(ids.length); // refused for good
        failures = 0;
        isAsked = false;
        shelf().drop("wait");
        later(ids.length >= BATCH ? 0 : EVERY_MS); // a full batch: there may be more
      }),
      safely(() => { settle(false); again(null); }),
    );
  }

  /** Double the pause with each failure, spread by chance so that a whole city does not come back in one second. */
  function again(retryAfter: string | null): void {
    const seconds = Number(retryAfter ?? NaN);
    const asked = (isNaN(seconds) ? Date.parse(retryAfter ?? "") - Date.now() : seconds * 1000) || 0;
    isAsked = asked > 0;
    const own = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures++) * (0.5 + Math.random() / 2);
    const wait = isAsked ? Math.min(asked + own / 2, LONGEST_ASKED_MS) : own;
    shelf().set("wait", String(Date.now() + Math.round(wait)));
    later(0);
  }

  listen(window, "online", () => {
    if (isAsked) return;
    shelf().drop("wait");
    later(Math.random() * FIRST_WAIT_MS);
  });
  later(FIRST_WAIT_MS); // what earlier pages left behind

  return {
    added(id, urgent) {
      mine.add(id);
      later(urgent || mine.size - flying.size >= BATCH ? 0 : EVERY_MS);
    },
    leave: () => send(true),
    setToken: (value) => { token = value; },
  };
}
