import { listen, safely } from "./safely";

/** A router first changes the address, then the title and the content. */
const SETTLES_MS = 100;

/** The address of the page without query and fragment; the route of a hash router (`#/…`, `#!/…`) is part of it. */
export function pathNow(): string {
  const route = /^#!?(\/[^?]*)/.exec(location.hash)?.[1] ?? "";
  return (location.pathname + route).slice(0, 512);
}

/**
 * Notice that another page is shown: in this document (History API, hash router) or again (back/forward cache).
 *
 * @param left The page is gone; the document still shows its content.
 * @param arrived The page of this path stands. `isBack`: it had only been put aside.
 * @returns `settle`: tell at once of an arrival still under way.
 */
export function navigation(left: () => void, arrived: (path: string, isBack: boolean) => void): { settle(): void } {
  const address = (): string => pathNow() + location.search;
  let path = pathNow();
  let last = address();
  let timer = 0;

  function settle(): void {
    if (!timer) return;
    clearTimeout(timer);
    timer = 0;
    arrived(path, false);
  }

  function moved(isReplaced: boolean): void {
    // Filters and search boxes rewrite the query while one types: the same page.
    const isSame = isReplaced ? pathNow() === path : address() === last;
    last = address();
    if (isSame) return;
    settle();
    left();
    path = pathNow();
    timer = setTimeout(safely(settle), SETTLES_MS);
  }

  for (const name of ["pushState", "replaceState"] as const) {
    const original = history[name];
    history[name] = function (...args) {
      original.apply(this, args); // what it throws is the page's
      safely(moved)(name === "replaceState");
    };
  }
  listen(window, "popstate hashchange", () => moved(false));
  listen(window, "pageshow", (event) => {
    if ((event as PageTransitionEvent).persisted) arrived(path, true);
  });
  return { settle };
}
