/** `<civicrec-consent>`: the notice of the site, which stands in it, and the three answers, none before another. */
import css from "./banner.css";
import { make, pressed, whenRead, whenTurned } from "./elements";
import { styled } from "./style";

const ANSWERS = [["personalise", "同意个性化推荐"], ["measure", "仅用于统计"], ["none", "不同意"]] as const;

const ask = (...command: unknown[]): unknown => window.civicrec && window.civicrec("consent", ...command);

/** Shows itself until there is an answer, and again at a press of what is marked `data-civicrec-consent`. */
class Banner extends HTMLElement {
  opener: HTMLElement | null = null;

  connectedCallback(): void {
    this.hidden = true;
    this.setAttribute("role", "region");
    if (!this.getAttribute("aria-label")) this.setAttribute("aria-label", "浏览记录的使用");
    whenRead(() => this.fill());
  }

  fill(): void {
    if (this.querySelector(".civicrec-choices")) return; // moved within the page
    const choices = make("div", "choices");
    choices.append(...ANSWERS.map(([level, words]) => pressed(words, () => this.answer(level))));
    this.append(choices);
    this.look();
    whenTurned(() => this.look());
    document.addEventListener("click", (event) => this.reopen(event));
  }

  /** Ask whoever has not answered, and nobody who has. */
  look(): void {
    if (!this.opener) this.hidden = ask() !== "wait";
  }

  answer(level: string): void {
    ask(level);
    this.hidden = true;
    if (this.opener) this.opener.focus();
    this.opener = null;
  }

  reopen(event: Event): void {
    const opener = (event.target as Element).closest<HTMLElement>("[data-civicrec-consent]");
    if (!opener) return;
    event.preventDefault();
    this.opener = opener;
    this.hidden = false;
    this.querySelector("button")!.focus();
  }
}

if (window.customElements && !customElements.get("civicrec-consent")) {
  styled(css);
  customElements.define("civicrec-consent", Banner);
}
