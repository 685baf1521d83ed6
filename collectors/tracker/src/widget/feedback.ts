/** What the visitor says of an item: it acts on the next list. */
import type { Item, List } from "./asking";
import { visitor, type Options } from "./options";

/** Return a function that tells a `dislike`, or takes one back; whether the server took it. */
export function feedback(options: Options): (kind: string, item: Item, list: List) => Promise<boolean> {
  return (kind, { item_id }, { request_id, scene }) => {
    const body = JSON.stringify(Object.assign({ kind, item_id, request_id, scene, site: options.site || "", consent: "personalise" }, visitor(options)));
    return fetch(`${options.endpoint}/v1/feedback`, { method: "POST", body, credentials: "omit" })
      .then((response) => response.ok, () => false);
  };
}
