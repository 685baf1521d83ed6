/** What elements of the page say of themselves, in `data-civicrec-…` attributes. SVG's have no `dataset` in old browsers. */
import { find } from "./page";

export type Fields = Record<string, unknown>;

export const ITEM = "[data-civicrec-item]";

export const mark = (element: Element | null, name: string): string | null =>
  element && element.getAttribute(`data-civicrec-${name}`);

/** Each field is in the attribute of its name, without `item_` and `_id`: `item_type` in `data-civicrec-type`. */
export function fieldsOf(element: Element): Fields {
  const fields: Fields = {};
  "item_id item_type scene slot position request_id variant campaign_id".split(" ").forEach((name) => {
    fields[name] = mark(element, name.replace(/^item_(?=t)|_id/, ""));
  });
  return fields;
}

/** The item that the page as a whole is about. */
export function pageItem(): Fields {
  const element = find("[data-civicrec-page-item]");
  return { item_id: mark(element, "page-item"), item_type: mark(element, "page-type") };
}

/** The item an element is part of, else the page's. */
export function itemAround(element: Element): Fields {
  const marked = element.closest(ITEM);
  return marked ? { item_id: mark(marked, "item"), item_type: mark(marked, "type") } : pageItem();
}
