/** The tracker as a script tag: options from its `data-…` attributes, commands through `window.civicrec`. */
import { find, own } from "./page";
import { safely, say } from "./safely";
import { start } from "./start";

type Call = unknown[];
type Untyped = (...call: Call) => unknown;

declare global {
  interface Window {
    civicrec?: Untyped & { q?: Call[]; runs?: boolean };
  }
}

/** The tag: unknown to a module and to a text that a tag manager puts in, and perhaps another's who puts us in. */
function tag(): HTMLScriptElement {
  const current = own("currentScript") as HTMLScriptElement | null;
  return (current && current.dataset.site ? current : find("script[data-site]") || current) as HTMLScriptElement;
}

safely(() => {
  const script = tag();
  const civicrec = window.civicrec;
  if (civicrec && civicrec.runs) return; // the tag stands on the page twice
  const endpoint = script && (script.dataset.endpoint || (script.src && script.src.replace(/[^/]*([?#].*)?$/, "v1/events")));
  if (!endpoint) return say("nothing is told", "no script[data-site][src]");
  const options = Object.assign({}, script.dataset, { endpoint });
  const run = start(options, (civicrec && civicrec.q) || undefined) as NonNullable<Window["civicrec"]>;
  window.civicrec = run;
  run.runs = true;
})();
// Whatever failed: a page that gives commands must not.
if (typeof window.civicrec !== "function") window.civicrec = () => undefined;
