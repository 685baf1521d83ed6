import { say } from "./safely";
import type { Shelf } from "./shelf";

export const MAX_EVENTS = 500;
export const FULL = `over ${MAX_EVENTS}`;
const PREFIX = "q.";

/** Events that no collector has answered for yet, each under a key of its own: tabs can never overwrite each other's. */
export interface Queue {
  put(id: string, event: string): void;
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
  const lost = (): number => +(current().get("dropped") || 0);
  const ids = (places: Shelf[]): string[] =>
    ([] as string[]).concat(...places.map((place) => place.keys()))
      .filter((key) => !key.indexOf(PREFIX)).map((key) => key.slice(PREFIX.length)).sort();
  const get = (id: string): string | undefined => shelves.map((shelf) => shelf.get(PREFIX + id)).filter(Boolean)[0];
  const drop = (id: string): void => shelves.forEach((shelf) => shelf.set(PREFIX + id));

  function lose(events: (string | undefined)[], why?: string): void {
    let n = lost() + events.length;
    events.forEach((event) => { n += +((/"dropped":(\d+)/.exec(event!) || [])[1] || 0); });
    current().set("dropped", n);
    if (events.length) say("events are lost", why);
  }

  return {
    put(id, event) {
      current().set(PREFIX + id, event);
      ids([current()]).slice(0, -MAX_EVENTS).forEach((oldest) => {
        lose([get(oldest)], FULL);
        drop(oldest);
      });
    },
    ids: () => ids(shelves),
    get,
    drop,
    lose,
    takeLost() {
      const n = lost();
      if (n) current().set("dropped");
      return n;
    },
  };
}
