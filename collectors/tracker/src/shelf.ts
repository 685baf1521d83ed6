import { safely } from "./safely";

/** A place for short texts: one of the browser's storages, and memory for what that refuses to keep. */
export interface Shelf {
  get(key: string): string | undefined;
  set(key: string, value: string): void;
  drop(key: string): void;
  keys(): string[];
}

const PREFIX = "civicrec.";

/**
 * @param storage `() => localStorage` or `() => sessionStorage`; only asking for it may already throw.
 */
export function shelf(storage: () => Storage): Shelf {
  const memory = new Map<string, string>();
  return {
    get: (key) => memory.get(key) ?? safely(() => storage().getItem(PREFIX + key))() ?? undefined,
    set(key, value) {
      try {
        storage().setItem(PREFIX + key, value);
        memory.delete(key);
      } catch {
        memory.set(key, value);
      }
    },
    drop(key) {
      memory.delete(key);
      safely(() => storage().removeItem(PREFIX + key))();
    },
    keys() {
      const stored = safely(() => Object.keys(storage()))() ?? [];
      return [...memory.keys(), ...stored.filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length))];
    },
  };
}
