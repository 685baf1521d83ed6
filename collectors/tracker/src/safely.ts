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

/** Listen without ever delaying the page: passive, and safe. */
export function listen(target: EventTarget, names: string, work: (event: Event) => void, capture = false): void {
  for (const name of names.split(" ")) target.addEventListener(name, safely(work), { capture, passive: true });
}
