/** What the page around us says of itself. */

/** Read the document itself: an image or form of the page may be named as one of its properties is. */
export const own = <K extends keyof Document>(name: K): Document[K] => Reflect.get(Document.prototype, name, document) as Document[K];

export const find = (selector: string): Element | null => document.querySelector(selector);

export const isHidden = (): boolean => document.visibilityState !== "visible";

/** A link to an address, which takes it to pieces: a page may have changed `URL`, or be older than it. */
export function linkTo(address: string): HTMLAnchorElement {
  const link = document.createElement("a");
  link.href = address;
  return link;
}
