/** Wrap work so that whatever goes wrong inside never reaches the page. */
export function safely<A extends unknown[], R>(work: (...args: A) => R): (...args: A) => R | undefined {
  return (...args) => {
    try {
      return work(...args);
    } catch {
      return undefined;
    }
  };
}

/** Listen without ever delaying the page: passive, and safe; at the window and before others, so that no page stops it. */
export function listen(names: string, work: (event: Event) => void, target: EventTarget = window): void {
  names.split(" ").forEach((name) => target.addEventListener(name, safely(work), { capture: true, passive: true }));
}

/** The time in ms since 1970. Pages have a `Date.now` of their own, to play another time, or one that is none. */
export function clock(): number {
  const real = +new Date();
  const played = +safely(Date.now)()!;
  return Math.abs(played - real) < 86_400_000 ? played : real;
}

const said: Record<string, boolean> = {};

/** Say something in the console, for whoever looks after the page: each matter once. */
export const say = /* @__PURE__ */ safely((matter: string, detail: unknown): void => {
  if (!said[matter]) console.warn(`civicrec: ${matter}:`, detail);
  said[matter] = true;
});
