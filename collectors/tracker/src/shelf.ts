import { safely } from "./safely";

/** A place for short texts: one of the browser's storages, and memory for what that refuses to keep. */
export interface Shelf {
  get(key: string): string | undefined;
  /** Without a value nothing is kept. */
  set(key: string, value?: string | number): void;
  keys(): string[];
}

const PREFIX = "civicrec.";

/**
 * @param storage `() => localStorage` or `() => sessionStorage`; only asking for it may already throw.
 */
export function shelf(storage: () => Storage): Shelf {
  const memory: Record<string, string> = {};
  return {
    get: (key) => memory[PREFIX + key] || safely(() => storage().getItem(PREFIX + key))() || undefined,
    set(name, value) {
      const key = PREFIX + name;
      delete memory[key];
      try {
        if (value) storage().setItem(key, value as string);
        else storage().removeItem(key);
      } catch {
        if (value) memory[key] = value as string;
      }
    },
    keys: () => Object.keys(memory).concat(safely(() => Object.keys(storage()))() || [])
      .filter((key) => !key.indexOf(PREFIX)).map((key) => key.slice(PREFIX.length)),
  };
}
