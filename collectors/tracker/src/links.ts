import { fieldsOf, ITEM, itemAround, type Fields } from "./marks";
import { linkTo } from "./page";
import { clock, listen } from "./safely";
import { readable, words } from "./text";

/** OFD, WPS, ET and DPS are the office formats of Chinese administrations. */
const FILE = /[^?&=]*\.(pdf|ofd|docx?|wps|xlsx?|et|pptx?|dps|csv|txt|rtf|odt|ods|zip|rar|7z|tar|gz|mp3|mp4|apk|exe|dmg)(?=$|[&;])/i;
/** A click on a label is followed by one on its field. */
const SAME_CLICK_MS = 50;

/** Tell clicks on marked elements, links that lead to another host, and files that are fetched. */
export function links(put: (kind: "click" | "download", fields: Fields) => void): void {
  let last: Element | null = null;
  let lastAt = 0;

  listen("click auxclick", (event) => {
    if ((event as MouseEvent).button > 1) return;
    const target = event.target as Element;
    const item = target.closest(ITEM);
    const link = target.closest<HTMLAnchorElement>("a[*|href],area[href]");
    const isSame = last === (item || link) && clock() - lastAt < SAME_CLICK_MS;
    last = item || link;
    lastAt = clock();
    if (isSame) return;
    const href = link ? (link.href as string & SVGAnimatedString) : "";
    const leads = linkTo(href && (href.baseVal || href));
    const isLink = link && /^http/.test(leads.protocol);
    const props = isLink && leads.hostname !== location.hostname ? { link_type: "outbound", target: leads.hostname } : null;
    if (item || props) put("click", Object.assign({ props }, item && fieldsOf(item)));
    if (!isLink) return;
    const path = readable(leads.pathname, 256);
    // A script that hands out files names the file in its query.
    const file = FILE.exec(path) || FILE.exec(leads.search);
    if (file || link.hasAttribute("download")) {
      const props = { format: file && file[1]!.toLowerCase(), target: (file && file.index && words(file[0])) || path };
      put("download", Object.assign({ props }, itemAround(link)));
    }
  });
}
