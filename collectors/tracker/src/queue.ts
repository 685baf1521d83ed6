import type { Shelf } from "./shelf";

export const MAX_EVENTS = 500;
const PREFIX = "q.";

/** Events that no collector has answered for yet, each under a key of its own: tabs can never overwrite each other's. */
export interface Queue {
  put(id: string, event: string): void;
  /** All ids, oldest first. */
  ids(): string[];
  get(id: string): string | undefined;
  drop(id: string): void;
  /** Count events that will never arrive. */
  lose(n: number): void;
  /** How many were lost since this was last asked. */
  takeLost(): number;
}

/**
 * @param shelves Where events may lie.
 * @param current The one of them to write to.
 */
export function queue(shelves: Shelf[], current: () => Shelf): Queue {
  const idsOn = (places: Shelf[]): string[] =>
    places
      .flatMap((shelf) => shelf.keys())
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => key.slice(PREFIX.length))
      .sort();

  const self: Queue = {
    put(id, event) {
      current().set(PREFIX + id, event);
      for (const oldest of idsOn([current()]).slice(0, -MAX_EVENTS)) {
        // It may itself have been the one to report earlier losses.
        const told = JSON.parse(self.get(oldest) ?? "{}").props?.dropped;
        self.drop(oldest);
        self.lose(1 + (told || 0));
      }
    },
    ids: () => idsOn(shelves),
    get: (id) => shelves.map((shelf) => shelf.get(PREFIX + id)).find((event) => event),
    drop: (id) => shelves.forEach((shelf) => shelf.drop(PREFIX + id)),
    lose(n) {
      current().set("dropped", String(n + Number(current().get("dropped") ?? 0)));
    },
    takeLost() {
      const n = Number(current().get("dropped") ?? 0);
      if (n) current().drop("dropped");
      return n;
    },
  };
  return self;
}
