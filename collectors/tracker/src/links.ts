import { fieldsOf, ITEM, itemAround, type Fields } from "./marks";
import { linkTo } from "./page";
import { listen } from "./safely";
import { readable } from "./text";

/** OFD, WPS, ET and DPS are the office formats of Chinese administrations. */
const FILE = /[^?&='"]*\.(pdf|ofd|ceb|docx?|wps|xlsx?|et|pptx?|dps|csv|txt|rtf|od[ts]|zip|rar|7z|tar|gz|mp[34]|apk|exe|dmg)(?=$|[?#&;'"])/i;
/** A click on a label is followed by one on its field, which a browser dates as the first: less than 1 ms later. */
const SAME_CLICK_MS = 50;

/** Tell clicks on marked elements, links that lead to another host, and files that are fetched. */
export function links(put: (kind: "click" | "download", fields: Fields) => void): void {
  let last: Element | null = null;
  let lastAt = 0;

  listen("click auxclick", (event) => {
    const { button, isTrusted, timeStamp } = event as MouseEvent;
    if (button > 1) return;
    const target = event.target as Element;
    const item = target.closest(ITEM);
    const link = target.closest<HTMLAnchorElement>("a[*|href],area[href]");
    const isSame = timeStamp - lastAt < (last === (item || link) ? SAME_CLICK_MS : (isTrusted as unknown as 0 | 1));
    last = item || link;
    lastAt = timeStamp;
    if (isSame) return;
    const href = (link || location).href as string & SVGAnimatedString;
    const leads = linkTo(href.baseVal || href);
    const isAway = /^http/.test(leads.href) && leads.hostname !== location.hostname;
    const props = isAway ? { link_type: "outbound", target: leads.hostname } : null;
    if (item || props) put("click", Object.assign({ props }, item && fieldsOf(item)));
    if (!link) return;
    const path = readable(leads.pathname, 256);
    const name = link.getAttribute("download");
    // A script that hands out files names the file in its query, or is itself called with the name.
    const file = FILE.exec([path, leads.search, name, link.getAttribute("onclick")].join("'"));
    if (file || name != null) {
      const props = { format: file && file[1]!.toLowerCase(), target: file ? readable(file[0], 256) : name || path };
      put("download", Object.assign({ props }, itemAround(link)));
    }
  });
}
