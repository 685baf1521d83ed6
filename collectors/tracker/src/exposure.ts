import { fieldsOf, ITEM, mark, type Fields } from "./marks";
import { isHidden } from "./page";
import { clock, listen, safely } from "./safely";
import { isSeen } from "./sight";

const IN_VIEW_MS = 1_000;
const LOOK_MS = 200;

/** Tell each marked element once, when it was seen for a second: half of it, or as much as fills half of the screen. */
export function exposure(put: (kind: "impression", fields: Fields) => void): void {
  const told = new WeakMap<Element, string>();
  let since = new WeakMap<Element, number>();
  // An element that is given another item, or another list, is another impression.
  const about = (element: Element): string => `${mark(element, "item")} ${mark(element, "request")}`;

  const observer = new IntersectionObserver(safely((entries: IntersectionObserverEntry[]) => entries.forEach((entry) => {
    const { target, intersectionRect: shown, boundingClientRect: whole } = entry;
    // What is on the screen is observed anew at the next look; the others go on being watched for when they come.
    if (shown.width) observer.unobserve(target);
    const least = (Math.min(whole.width, innerWidth) * Math.min(whole.height, innerHeight)) / 2;
    if (isHidden() || !shown.width || shown.width * shown.height < least || !isSeen(target, shown)) {
      since.delete(target);
    } else if (!since.has(target)) {
      since.set(target, clock());
    } else if (clock() - since.get(target)! >= IN_VIEW_MS) {
      told.set(target, about(target));
      since.delete(target);
      put("impression", fieldsOf(target));
    }
  })));
  // The observer says of what it begins to observe where that stands, without laying out the page for it.
  setInterval(safely(() => [].forEach.call(document.querySelectorAll(ITEM), (element: Element) => {
    if (told.get(element) !== about(element)) observer.observe(element);
  })), LOOK_MS);
  // A second in view is a second of a visible page.
  listen("visibilitychange", () => { since = new WeakMap(); });
}
