/** How opaque an element is, with all that it stands in. */
function opacity(element: Element | null): number {
  let product = 1;
  for (; element; element = element.parentElement) product *= +getComputedStyle(element).opacity;
  return product;
}

/** Whether nothing shows through: a picture, or a ground that is no veil. */
function isCurtain(element: Element): boolean {
  const { backgroundColor, backgroundImage } = getComputedStyle(element);
  const isSolid = /^rgb\(|0\.9/.test(backgroundColor) || /url|gradient(?!.*rgba)/.test(backgroundImage);
  return (isSolid || /^(img|video|canvas|iframe)$/i.test(element.tagName)) && opacity(element) > 0.9;
}

/** Whether an element within this rectangle of the screen can be seen: it is not transparent, and no other covers it. */
export function isSeen(element: Element, { left, top, width, height }: DOMRectReadOnly): boolean {
  if (getComputedStyle(element).visibility !== "visible" || opacity(element) < 0.1) return false;
  return [0.5, 0.2, 0.8].some((share) => {
    for (const hit of document.elementsFromPoint(left + width * share, top + height * share)) {
      if (element.contains(hit) || hit.contains(element)) break;
      if (isCurtain(hit)) return false;
    }
    return true;
  });
}
