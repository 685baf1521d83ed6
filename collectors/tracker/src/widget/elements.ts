/** What lists and the banner are made of. */
import { listen } from "../safely";

/** An element with a class, by which pages style it. */
export function make<K extends keyof HTMLElementTagNameMap>(tag: K, name: string, text = ""): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = `civicrec-${name}`;
  element.textContent = text;
  return element;
}

export function pressed(text: string, work: () => void): HTMLButtonElement {
  const button = make("button", "button", text);
  button.type = "button";
  button.onclick = work;
  return button;
}

/** Work once the page has been read to its end. */
export function whenRead(work: () => void): void {
  if (document.readyState === "loading") listen("DOMContentLoaded", work);
  else work();
}

/** Work whenever the visitor's answer may be another: here, in another tab, or because a late tracker is there now. */
export function whenTurned(work: () => void): void {
  listen("civicrec storage load", work);
}
