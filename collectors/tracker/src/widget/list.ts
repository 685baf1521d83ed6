/** `<civicrec-list scene="home" n="6">`: a list in the page, over whatever the page itself has put there. */
import { ITEM, mark } from "../marks";
import { find } from "../page";
import { asking, type Block, type Item, type List } from "./asking";
import { address, card } from "./card";
import { make, pressed, whenRead, whenTurned } from "./elements";
import { feedback } from "./feedback";
import css from "./list.css";
import { isPersonal, tracker, type Options } from "./options";
import { renewal } from "./renewal";
import { styled } from "./style";

/** Longer a page's own content is not kept waiting; it then stays. */
const WAIT_MS = 300;
const N = 10;

const LINKS = { about: "推荐说明", settings: "推荐设置" };
const PERSONAL = "个性化推荐：根据您在本站的浏览记录推荐。";
const GENERAL = "通用推荐：未使用您的浏览记录。";

/** Return the class of the element; `customElements.define` makes it known to the page. */
export function listElement(options: Options): CustomElementConstructor {
  const ask = asking(options);
  const say = feedback(options);
  styled(css);

  return class extends HTMLElement {
    /** Ids of the items that stand here. */
    items: string[] = [];
    status = make("p", "status");
    hasOwnContent = false;
    isPersonal = false;
    isFurther = false;

    connectedCallback(): void {
      whenRead(() => this.begin());
    }

    begin(): void {
      if (this.status.getAttribute("role")) return; // moved within the page
      this.status.setAttribute("role", "status");
      this.isPersonal = isPersonal(options);
      whenTurned(() => this.turned());
      renewal((still) => this.renew(still), () => this.isPersonal);
      this.hasOwnContent = !!this.querySelector(":scope > :not(template)") || /\S/.test(this.textContent!);
      this.items = Array.from(this.querySelectorAll(`${ITEM}[data-civicrec-request]`), (link) => mark(link, "item")!);
      if (this.items.length) return; // the server of the page has made the list already
      let isLate = false;
      if (this.hasOwnContent) {
        setTimeout(() => { isLate = true; }, +(this.getAttribute("wait") || WAIT_MS));
      } else {
        const n = this.block("").n || N;
        this.style.setProperty("--civicrec-n", String(n));
        this.replace(...Array.from({ length: n }, () => make("div", "skeleton")));
      }
      void ask(this.block("")).then((list) => isLate || this.show(list));
    }

    /** What stands here is asked for again where another kind of list is right than was asked for. */
    turned(): void {
      if (this.isPersonal === (this.isPersonal = isPersonal(options))) return;
      void ask(this.block("")).then((list) => list && this.show(list));
    }

    block(cursor: string): Block {
      const others = Array.from(document.querySelectorAll(this.localName), (one) => (one !== this && (one as this).items) || []);
      const pageItem = find("[data-civicrec-page-item]");
      const scene = this.getAttribute("scene") || "home";
      return {
        scene, cursor,
        n: Math.round(+this.getAttribute("n")!) || null,
        item_id: this.getAttribute("item") || mark(pageItem, "page-item") || "",
        slot: this.getAttribute("slot") || "",
        exclude: ([] as string[]).concat(...others),
      };
    }

    /** Ask for the list again; `still` hears that it is what it was. */
    renew(still: () => void): void {
      // One that has left the page hears of clicks still.
      if (!this.isConnected || !this.isPersonal || this.isInUse()) return;
      void ask(this.block("")).then((list) => {
        if (!list || this.isInUse() || list.items.map((item) => item.item_id).join() === this.items.join()) return still();
        this.show(list);
        this.status.textContent = "推荐已更新";
      });
    }

    /** Never is a list moved under somebody's keyboard. */
    isInUse(): boolean {
      try {
        return !!this.querySelector(":focus-visible");
      } catch {
        return this.contains(document.activeElement);
      }
    }

    replace(...nodes: Node[]): void {
      Array.from(this.childNodes).forEach((node) => (node as Element).localName === "template" || node.remove());
      this.append(...nodes);
    }

    show(list: List | undefined): void {
      const shown = list ? list.items.filter((item) => address(item, options.link)) : [];
      if (list && shown.length < list.items.length) {
        console.warn(`civicrec: ${list.items.length - shown.length} items have no url; set data-link`);
      }
      if (!list || !shown.length) {
        if (!this.hasOwnContent && !this.items.length) this.hidden = true; // an empty frame helps nobody
        return;
      }
      this.hidden = false;
      const entries = make("ol", "list");
      entries.append(...shown.map((item) => this.entry(item, list)));
      this.items = shown.map((item) => item.item_id);
      this.replace(entries, this.foot(list), this.status);
    }

    entry(item: Item, list: List): HTMLLIElement {
      const entry = card(item, list, options, this.querySelector("template"), this.getAttribute("target") || "");
      if (!this.isPersonal) return entry;
      const button = pressed("不感兴趣", () => this.dislike(entry, item, list));
      button.setAttribute("aria-label", `不感兴趣：${item.title}`);
      (entry.querySelector(".civicrec-meta") || entry).append(" ", button);
      return entry;
    }

    /** The place of what was disliked stays, so that nothing moves, and so that it can be taken back. */
    dislike(entry: HTMLLIElement, item: Item, list: List): void {
      const note = make("li", "item", "已减少此类内容");
      note.style.height = getComputedStyle(entry).height;
      const back = (): void => {
        note.replaceWith(entry);
        (entry.querySelector(".civicrec-button") as HTMLElement).focus();
      };
      const send = (kind: string): void => void say(kind, item, list).then((isTaken) => {
        if (isTaken) return;
        if (kind === "dislike") back();
        this.status.textContent = "提交失败，请重试";
      });
      const taken = pressed("撤销", () => {
        send("undislike");
        back();
      });
      note.append(taken);
      entry.replaceWith(note);
      taken.focus();
      this.status.textContent = "已减少此类内容";
      send("dislike");
    }

    /** The label that the law asks for beside a recommended list, the ways to its pages, the switch, and the next items. */
    foot(list: List): HTMLElement {
      const foot = make("div", "foot");
      if (this.hasAttribute("bare")) return foot;
      const ask_tracker = tracker(options);
      const isOn = isPersonal(options);
      const label = make("p", "label", list.mode === "personalised" ? PERSONAL : GENERAL);
      let name: keyof typeof LINKS;
      for (name in LINKS) {
        const page = options[name];
        if (!page) continue;
        const link = make("a", name, LINKS[name]);
        link.href = page;
        label.append(link, " ");
      }
      foot.append(label);
      if (ask_tracker) {
        foot.append(pressed(isOn ? "使用通用推荐" : "开启个性化推荐", () => {
          const standing = ask_tracker("consent", isOn ? "measure" : "personalise");
          if (!isOn && standing !== "personalise") this.status.textContent = "未能开启个性化推荐";
        }));
      }
      if (list.next_cursor || this.isFurther) foot.append(pressed("换一批", () => this.more(list)));
      return foot;
    }

    /** The next items, and after the last ones the first again. */
    more(list: List): void {
      this.isFurther = !!list.next_cursor;
      void ask(this.block(list.next_cursor || "")).then((next) => {
        if (!next || !next.items.length) {
          this.status.textContent = "暂时没有更多内容";
          return;
        }
        this.show(next);
        this.status.textContent = `已换一批，共 ${this.items.length} 项`;
        const buttons = this.querySelectorAll<HTMLElement>(".civicrec-foot > .civicrec-button");
        if (buttons.length) buttons[buttons.length - 1]!.focus();
      });
    }
  };
}
