/** One item of a list as it stands on the page: text only is put in, never markup. */
import { linkTo } from "../page";
import type { Item, List } from "./asking";
import { make } from "./elements";
import type { Options } from "./options";

const TYPES: Record<string, string> = {
  policy: "政策文件", interpretation: "政策解读", service: "办事服务", news: "新闻动态", guide: "办事指南", faq: "常见问题", topic: "专题",
};
const DAY_OFFSET_MS = 8 * 3_600_000;

/**
 * Where an item's page is; empty if it has none that a link may lead to.
 *
 * @param template What the page says holds for items whose own address names no host, or that have none.
 */
export function address({ item_id, item_type, url = "" }: Item, template?: string): string {
  const given = template && !/^(\w+:|\/\/)/.test(url)
    ? template.replace("{id}", encodeURIComponent(item_id)).replace("{type}", item_type) : url;
  // An address without a host is meant from the root of the portal, wherever the list stands.
  const { href } = linkTo(/^(\w+:|\/)/.test(given) ? given : `/${given}`);
  return given && /^http/.test(href) ? href : "";
}

/** The day of publication in China. */
function dayOf(published?: string): string {
  const ms = Date.parse(published || "");
  return ms ? new Date(ms + DAY_OFFSET_MS).toISOString().slice(0, 10) : "";
}

/** The parts of a card, where the page has no template of its own. */
function plain(): DocumentFragment {
  const parts = document.createDocumentFragment();
  const meta = make("p", "meta");
  meta.append(make("span", "type"), " ", make("time", "date"));
  parts.append(make("a", "title"), meta, make("p", "reason"));
  return parts;
}

/** Fill in what the tracker tells of a click or an impression. */
function marked(link: Element, item: Item, list: List): void {
  const marks: Record<string, unknown> = {
    item: item.item_id, type: item.item_type, scene: list.scene, position: item.position, slot: item.slot,
    request: list.request_id, variant: list.variant,
  };
  for (const name in marks) if (marks[name] != null) link.setAttribute(`data-civicrec-${name}`, String(marks[name]));
}

/**
 * @param template The page's own, with `.civicrec-title` (a link), `.civicrec-type`, `.civicrec-date` and
 *   `.civicrec-reason` where it wants them.
 */
export function card(item: Item, list: List, options: Options, template: HTMLTemplateElement | null, target: string): HTMLLIElement {
  const entry = make("li", "item");
  entry.append(template ? document.importNode(template.content, true) : plain());
  const reason = item.reasons && item.reasons[0];
  const texts: Record<string, string | undefined> = {
    title: item.title, type: TYPES[item.item_type], date: dayOf(item.published_at), reason: reason && `推荐理由：${reason.text}`,
  };
  for (const name in texts) {
    const place = entry.querySelector(`.civicrec-${name}`);
    if (place && texts[name]) place.textContent = texts[name]!;
    else if (place) place.remove();
  }
  const link = entry.querySelector("a");
  if (link) {
    link.href = address(item, options.link);
    if (target) link.target = target;
    link.rel = "noopener";
    marked(link, item, list);
  }
  return entry;
}
