import { itemAround, type Fields } from "./marks";
import { listen } from "./safely";

/**
 * Tell that a form marked `data-civicrec-form` was begun and sent: never what stands in its fields.
 * The attribute's text, if any, names the step of a longer procedure.
 */
export function forms(put: (kind: "service_start" | "service_submit", fields: Fields) => void): void {
  const begun = new WeakSet<Element>();
  const facts = (form: HTMLElement): Fields => ({
    ...itemAround(form),
    props: { form_step: form.dataset.civicrecForm || undefined },
  });

  listen(window, "input change submit", (event) => {
    const form = (event.target as Element).closest<HTMLElement>("[data-civicrec-form]");
    if (!form) return;
    if (!begun.has(form)) {
      begun.add(form);
      put("service_start", facts(form));
    }
    if (event.type === "submit") put("service_submit", facts(form));
  }, true);
}
