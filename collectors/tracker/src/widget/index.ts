/** The widget as a module: `import { define } from "civicrec-tracker/widget"`. */
import { whenRead } from "./elements";
import { listElement } from "./list";
import type { Options } from "./options";

export type { Options } from "./options";

/** Make `<civicrec-list>` known to the page, once; where a browser cannot, the page stays as it is. */
export function define(options: Options): void {
  if (!window.customElements || !window.fetch || customElements.get("civicrec-list")) return;
  customElements.define("civicrec-list", listElement(options));
  whenRead(() => {
    if (!document.querySelector("civicrec-consent:not(:defined)")) return;
    const script = document.createElement("script");
    script.src = `${options.endpoint}/consent.js`;
    document.head.append(script);
  });
}
