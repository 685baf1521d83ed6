import { itemAround, mark, type Fields } from "./marks";
import { listen } from "./safely";

/**
 * Tell that a form marked `data-civicrec-form` was begun and sent: never what stands in its fields.
 * The attribute's text, if any, names the step of a longer procedure.
 *
 * @returns Tell it that a form was sent.
 */
export function forms(put: (kind: "service_start" | "service_submit", fields: Fields) => void): (form: Element) => void {
  const begun = new WeakSet<Element>();

  function tell(element: Element, isSent: boolean): void {
    const form = ((element as HTMLInputElement).form || element).closest("[data-civicrec-form]");
    if (!form) return;
    const facts = Object.assign({ props: { form_step: mark(form, "form") } }, itemAround(form));
    if (!begun.has(form)) put("service_start", facts);
    begun.add(form);
    if (isSent) put("service_submit", facts);
  }

  listen("input change", (event) => tell(event.target as Element, false));
  return (form) => tell(form, true);
}
