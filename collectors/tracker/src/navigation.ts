import { listen, safely } from "./safely";
import { readable } from "./text";

/** A router first changes the address, then the title and the content, which may have to come over a network. */
const LOOK_MS = 100;
const MOST_LOOKS = 50;
/** So many more, once it is another: title and content need not come at once. */
const LAST_LOOKS = 9;

/** The address of the page without query and fragment; the route of a hash router (`#/…`, `#!/…`) is part of it. */
export function pathNow(): string {
  const route = /^#!?(\/[^?]*)/.exec(location.hash);
  return readable(location.pathname + (route ? route[1] : ""), 512);
}

/**
 * Notice that a page is shown: the first, another in this document (History and Navigation API, hash router), or one
 * again (back/forward cache).
 *
 * @param look Says what tells the page that stands from the next: the item it is about, if any, a space, and its title.
 * @param left The document goes to the page of this path and still shows the one before.
 * @param arrived The page stands. `isBack`: it had only been put aside.
 * @returns Tell at once of an arrival still under way.
 */
export function navigation(look: () => string, left: (path: string) => void, arrived: (isBack?: boolean) => void): () => void {
  const address = (): string => pathNow() + location.search;
  let path = pathNow();
  let last = address();
  let known = " ";
  let timer = -1; // none, but an arrival is expected

  function settle(): void {
    if (!timer) return;
    clearInterval(timer);
    timer = 0;
    known = look();
    arrived();
  }

  /** Wait until the page is another than the last was. */
  function expect(): void {
    let looks = MOST_LOOKS;
    timer = setInterval(safely(() => {
      const found = look();
      // Where the last was about an item the next will be, too: until then it is only empty.
      if (found !== known && (found > "!" || known < "!")) looks = Math.min(looks, LAST_LOOKS);
      if (!looks--) settle();
    }), LOOK_MS);
  }

  function moved(isReplaced: boolean): void {
    // Filters and search boxes rewrite the query while one types: the same page.
    const isSame = isReplaced ? pathNow() === path : address() === last;
    last = address();
    if (isSame) return;
    settle();
    left(path = pathNow());
    expect();
  }

  if (look() !== known) settle();
  else expect();
  (["pushState", "replaceState"] as const).forEach((name) => {
    const original = history[name];
    history[name] = function (...args) {
      original.apply(this, args); // what it throws is the page's
      safely(moved)(name === "replaceState");
    };
  });
  listen("popstate hashchange", () => moved(false));
  listen("pageshow", (event) => {
    if ((event as PageTransitionEvent).persisted) arrived(true);
  });
  safely(() => listen("currententrychange", (event) => {
    moved((event as NavigationCurrentEntryChangeEvent).navigationType === "replace");
  }, window.navigation))();
  return settle;
}
