import type { Queue } from "./queue";
import { clock, listen, safely, say } from "./safely";
import type { Shelf } from "./shelf";
import { now } from "./text";
import { madeAt } from "./uuid";

const BATCH = 10;
const EVERY_MS = 5_000;
const MAX_BATCH = 50;
/** Browsers let 64 KiB of `keepalive` bodies be under way. */
const MAX_BYTES = 60_000;
/** An event this old, not of this page, and still there: its page is gone, or has failed to deliver it. */
const LEFT_BEHIND_MS = 10_000;
/** With more than this waiting it is taken up at once: pages that are left quickly never hear an answer. */
const MANY = 100;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 5 * 60_000;
const LONGEST_ASKED_MS = 60 * 60_000;

export interface Delivery {
  /** Tell that the queue holds a new event of this page. */
  added(id: string, urgent: boolean): void;
  /** Send now what this page made; for when the page may be going, or is (`isGone`): it can hear no answer then. */
  leave(isGone?: unknown): void;
  setToken(token?: string): void;
}

interface Data {
  accepted?: number;
  rejected?: { index: number; detail: string }[];
  status?: number;
  detail?: string;
}

/**
 * Sends the queue, and takes an event out of it only once the collector has answered for it: whatever becomes of a
 * page, the next one repeats what was left, under the same ids, which the collector counts once.
 *
 * Between us and the collector stand gateways, firewalls and pages of the portal, which answer as they please: an answer
 * is the collector's if it is its JSON, and a refusal is final if its problem document says so.
 */
export function delivery(endpoint: string, queue: Queue, shelf: () => Shelf, allowed: () => boolean): Delivery {
  const mine: Record<string, boolean> = {};
  const flying: Record<string, string> = {};
  let token: string | undefined;
  let timer = 0;
  let timerAt = 0;
  let failures = 0;
  let halvings = 0;
  let asked = 0;
  let hasGone: unknown;

  const waiting = (): string[] => queue.ids().filter((id) => !flying[id]);

  /** Pause before the next request, kept on the shelf so that the next page and the other tabs keep it too. */
  const pause = (): number => {
    const ms = +shelf().get("wait")! - clock();
    return ms > 0 && ms <= LONGEST_ASKED_MS ? ms : 0; // longer: the clock has been set since
  };

  function later(ms: number): void {
    const wait = Math.max(ms, pause());
    const at = clock() + wait;
    if (timer && timerAt <= at) return;
    clearTimeout(timer);
    timerAt = at;
    timer = setTimeout(safely(() => { timer = 0; send(false); }), wait);
  }

  /** The next batch, by id: within the limits, and under a token only what was made under it. */
  function next(leaving: boolean): [Record<string, string>, string] {
    const all = waiting();
    const own = all.filter((id) => mine[id]);
    const withToken = token && own.length;
    const left = all.filter((id) => !mine[id] && (all[MANY] || Math.abs(clock() - madeAt(id)) > LEFT_BEHIND_MS));
    const chosen = leaving || withToken ? own : own.concat(left); // a page's own must not wait behind old ones
    // A firewall may dislike one event: smaller batches, from anywhere, bring the others past it.
    const from = halvings && Math.random() * chosen.length;
    const batch: Record<string, string> = {};
    let text = "";
    chosen.slice(from).slice(0, MAX_BATCH >> halvings || 1).forEach((id) => {
      const event = queue.get(id); // none: another tab has delivered it
      // No character of a text takes more than three bytes.
      if (!event || (text && 3 * (text.length + event.length) > MAX_BYTES)) return;
      batch[id] = event;
      text += `,${event}`;
    });
    const head = `{"sent_at":"${now()}",${withToken ? `"subject_token":${JSON.stringify(token)},` : ""}"events":[`;
    return [batch, text && `${head + text.slice(1)}]}`];
  }

  function send(leaving: boolean): void {
    if (!allowed() || (!leaving && Object.keys(flying)[0])) return;
    if (pause()) return later(0);
    const [batch, body] = next(leaving);
    if (!body) return;
    const ids = Object.keys(batch);
    Object.assign(flying, batch);
    ids.forEach(queue.handOver);
    const heard = safely((response?: Response, data?: Data): void => {
      const status = response && response.status;
      const isTaken = data && status === 200 && typeof data.accepted === "number";
      const isRefused = data && (status === 400 || status === 413) && status === data.status &&
        /problem/.test(response!.headers.get("Content-Type")!);
      const isFinal = isTaken || isRefused;
      ids.forEach((id) => {
        delete flying[id];
        if (!isFinal) return;
        delete mine[id];
        queue.drop(id);
      });
      if (!isFinal) {
        if (status && !(data && data.detail)) {
          halvings++;
          say("events wait", `answered ${status}`);
        }
        return again(response && response.headers.get("Retry-After"));
      }
      const rejected = data.rejected || [];
      const lost = isRefused ? ids : rejected.map(({ index }) => ids[index]!);
      queue.lose(lost.map((id) => batch[id]), data.detail || (rejected[0] || data).detail);
      failures = 0;
      halvings >>= 1;
      asked = 0;
      shelf().set("wait");
      later(ids.length >= BATCH ? 0 : EVERY_MS); // a full batch: there may be more
    });
    try {
      if (leaving && !("keepalive" in Request.prototype)) throw 0;
      // A text is sent as text/plain, which needs no preflight; keepalive lets it outlive the page.
      fetch(endpoint, {
        method: "POST", body, keepalive: true, credentials: "omit",
      }).then((response) => {
        const tell = (data?: unknown) => heard(response, data as Data);
        return response.json().then(tell, () => hasGone && response.ok || tell());
      }).catch(() => hasGone || heard()); // a page that goes is told of a failure where there is none
    } catch {
      safely(() => navigator.sendBeacon(endpoint, body))();
      heard(); // whether it arrived nobody will hear, so it stays in the queue
    }
  }

  /** Double the pause with each failure, spread by chance so that a whole city does not come back in one second. */
  function again(retryAfter?: string | null): void {
    const ms = +retryAfter! * 1000 || 0; // a date is no number: proxies write it, and seldom mean it
    if (!ms && pause()) return later(0); // requests that were under way together fail once, not once each
    asked = ms;
    const own = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * Math.pow(2, failures++)) * (0.5 + Math.random() / 2);
    const wait = asked ? Math.min(asked + own / 2, LONGEST_ASKED_MS) : own;
    shelf().set("wait", clock() + Math.round(wait));
    later(0);
  }

  listen("online", () => {
    if (asked) return;
    shelf().set("wait");
    later(Math.random() * FIRST_WAIT_MS);
  });
  later(waiting()[MANY] ? 0 : FIRST_WAIT_MS); // what earlier pages left behind

  return {
    added(id, urgent) {
      mine[id] = true;
      later(urgent || waiting().filter((one) => mine[one]).length >= BATCH ? 0 : EVERY_MS);
    },
    leave(isGone) {
      hasGone = isGone;
      send(true);
    },
    setToken: (value) => { token = value; },
  };
}
