import { say } from "./safely";
import type { Shelf } from "./shelf";

export const MAX_EVENTS = 500;
/** With those handed over, of which nobody has said whether they arrived. */
const MOST_EVENTS = 2_000;
export const FULL = `over ${MAX_EVENTS}`;
const PREFIX = "q.";

/** Events that no collector has answered for yet, each under a key of its own: tabs can never overwrite each other's. */
export interface Queue {
  put(id: string, event: string): void;
  /** Note that an event was handed over: until somebody answers for it, it may be lost or not. */
  handOver(id: string): void;
  /** All ids, oldest first. */
  ids(): string[];
  get(id: string): string | undefined;
  drop(id: string): void;
  /** Give events up: count them and, where one was to tell of others that were lost, those too. */
  lose(events: (string | undefined)[], why?: string): void;
  /** How many were lost since this was last asked. */
  takeLost(): number;
}

/**
 * @param shelves Where events may lie.
 * @param current The one of them to write to.
 */
export function queue(shelves: Shelf[], current: () => Shelf): Queue {
  const lost = (): number => +current().get("dropped")! || 0;
  const ids = (): string[] =>
    ([] as string[]).concat(...shelves.map((shelf) => shelf.keys()))
      .filter((key) => !key.indexOf(PREFIX)).map((key) => key.slice(PREFIX.length)).sort();
  const get = (id: string): string | undefined => shelves[0]!.get(PREFIX + id) || shelves[1]!.get(PREFIX + id);
  const drop = (id: string): void => shelves.forEach((shelf) => shelf.set(PREFIX + id));

  function lose(events: (string | undefined)[], why?: string): void {
    let n = lost() + events.length;
    events.forEach((event) => { n += +/"dropped":(\d+)|$/.exec(event!)![1]! || 0; });
    current().set("dropped", n);
    if (events.length) say("events are lost", why);
  }

  return {
    put(id, event) {
      current().set(PREFIX + id, event);
      let surely = 0;
      ids().reverse().forEach((one, at) => {
        const text = get(one);
        if (at < MOST_EVENTS && (/^ /.test(text!) || surely++ < MAX_EVENTS)) return;
        lose([text], FULL);
        drop(one);
      });
    },
    // A blank before it marks such an event, and nobody who reads JSON minds it.
    handOver: (id) => shelves.forEach((shelf) => {
      const event = shelf.get(PREFIX + id);
      if (event) shelf.set(PREFIX + id, ` ${event.trim()}`);
    }),
    ids,
    get,
    drop,
    lose,
    takeLost() {
      const n = lost();
      current().set("dropped");
      return n;
    },
  };
}
