import { fieldsOf, ITEM, itemAround, type Fields } from "./marks";
import { listen } from "./safely";

/** OFD, WPS, ET and DPS are the office formats of Chinese administrations. */
const FILE = /\.(pdf|ofd|docx?|wps|xlsx?|et|pptx?|dps|csv|txt|rtf|odt|ods|zip|rar|7z|tar|gz|mp3|mp4|apk|exe|dmg)$/i;

/** Tell clicks on marked elements, links that lead to another host, and files that are fetched. */
export function links(put: (kind: "click" | "download", fields: Fields) => void): void {
  listen(window, "click auxclick", (event) => {
    const { type, button, target } = event as MouseEvent;
    if ((type === "auxclick" && button !== 1) || !(target instanceof Element)) return;
    const item = target.closest<HTMLElement>(ITEM);
    const link = target.closest<HTMLAnchorElement>("a[href]");
    const leads = /^https?:$/.test(link?.protocol ?? "") ? link : null;
    const isOutbound = leads && leads.hostname !== location.hostname;
    if (item || isOutbound) {
      put("click", {
        ...(item ? fieldsOf(item) : {}),
        props: isOutbound ? { link_type: "outbound", target: leads.hostname } : undefined,
      });
    }
    const format = FILE.exec(leads?.pathname ?? "")?.[1]?.toLowerCase();
    if (leads && (format || leads.hasAttribute("download"))) {
      put("download", { ...itemAround(leads), props: { format, target: leads.pathname.slice(0, 256) } });
    }
  }, true);
}
