import { clock, listen, safely } from "./safely";

/** A page that checks a form and then sends it by script sends it once. */
const ONCE_MS = 30_000;

/** Hear of each form that is sent, also by `form.submit()`, which raises no event. */
export function submits(tell: (form: HTMLFormElement) => void): void {
  const told = new WeakMap<HTMLFormElement, number>();
  listen("submit", (event) => {
    const form = event.target as HTMLFormElement;
    told.set(form, clock());
    tell(form);
  });
  const submit = HTMLFormElement.prototype.submit;
  HTMLFormElement.prototype.submit = function () {
    safely(() => { if (!(clock() - told.get(this)! < ONCE_MS)) tell(this); })();
    submit.call(this);
  };
}
