/** The widget as a script tag: `<script src="https://lists…/w.js" data-site="gz" defer></script>`. */
import { find, own } from "../page";
import { define, type Options } from "./index";

const script = (own("currentScript") || find('script[src*="/w.js"]')) as HTMLScriptElement | null;

/** What a tag of the page says, ours or the tracker's. */
const tagged = (name: string): string => {
  const tag = find(`script[data-${name}]`) as HTMLElement | null;
  return (tag && tag.dataset[name]) || "";
};

if (script) {
  const found = { endpoint: script.dataset.endpoint || script.src.replace(/\/w\.js.*/, ""), site: tagged("site"), token: () => tagged("token") };
  define(Object.assign({}, script.dataset, found) as Options);
}
