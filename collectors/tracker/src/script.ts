/** The tracker as a script tag: options from its `data-…` attributes, commands through `window.civicrec`. */
import { safely } from "./safely";
import { start } from "./start";

type Call = unknown[];
type Untyped = (...call: Call) => unknown;

declare global {
  interface Window {
    civicrec?: Untyped & { q?: Call[]; runs?: boolean };
  }
}

safely(() => {
  const script = document.currentScript as HTMLScriptElement;
  const early = window.civicrec?.q ?? [];
  if (window.civicrec?.runs) return; // the tag stands on the page twice
  const { endpoint, ...options } = script.dataset;
  const civicrec = start({ ...options, endpoint: endpoint ?? new URL("/v1/events", script.src).href }) as Untyped;
  window.civicrec = Object.assign(civicrec, { runs: true });
  early.forEach((call) => civicrec(...call));
})();
// Whatever failed: a page that gives commands must not.
if (typeof window.civicrec !== "function") window.civicrec = () => undefined;
