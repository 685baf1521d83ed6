import { fieldsOf, ITEM, type Fields } from "./marks";
import { listen, safely } from "./safely";

const SHARE = 0.5;
const IN_VIEW_MS = 1_000;

/** Tell each marked element once, when at least half of it has been in view for a second. */
export function exposure(put: (kind: "impression", fields: Fields) => void): void {
  const told = new WeakMap<HTMLElement, string>();
  const inView = new Map<HTMLElement, number>();
  // An element that is given another item, or another list, is another impression.
  const about = (element: HTMLElement): string => `${element.dataset.civicrecItem} ${element.dataset.civicrecRequest}`;

  const wait = (element: HTMLElement): void => {
    clearTimeout(inView.get(element));
    const timer = setTimeout(safely(() => {
      if (document.visibilityState !== "visible" || told.get(element) === about(element)) return;
      told.set(element, about(element));
      put("impression", fieldsOf(element));
    }), IN_VIEW_MS);
    inView.set(element, timer);
  };

  const observer = new IntersectionObserver(safely((entries: IntersectionObserverEntry[]) => {
    for (const entry of entries) {
      const element = entry.target as HTMLElement;
      if (entry.intersectionRatio >= SHARE) {
        wait(element);
      } else {
        clearTimeout(inView.get(element));
        inView.delete(element);
      }
    }
  }), { threshold: SHARE });

  // Observing anew makes the observer say where the element stands, also if it only changed its item.
  const watch = (element: HTMLElement): void => {
    observer.unobserve(element);
    if (element.matches(ITEM)) observer.observe(element);
  };
  const scan = (node: Node): void => {
    if (!(node instanceof HTMLElement)) return;
    watch(node);
    node.querySelectorAll<HTMLElement>(ITEM).forEach(watch);
  };
  new MutationObserver(safely((changes: MutationRecord[]) => {
    for (const change of changes) {
      if (change.type === "attributes") watch(change.target as HTMLElement);
      else change.addedNodes.forEach(scan);
    }
  })).observe(document.documentElement, {
    childList: true, subtree: true, attributeFilter: ["data-civicrec-item", "data-civicrec-request"],
  });
  scan(document.documentElement);

  // A second in view is a second of a visible page.
  listen(document, "visibilitychange", () => {
    if (document.visibilityState === "visible") inView.forEach((_, element) => wait(element));
  });
}
