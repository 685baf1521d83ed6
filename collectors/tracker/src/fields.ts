import type { Fields } from "./marks";
import { say } from "./safely";
import { cut } from "./text";

/** How long a text may be, where it is not 64. */
const LENGTHS: Record<string, number> = { item_id: 128, query: 200, title: 256, url_path: 512 };
/** How large a number may be. */
const SIZES: Record<string, number> = { position: 10_000, active_ms: 86_400_000, scroll_pct: 100, value: 1e6 };

/** Fields of the type and length that the collector takes. A text that was changed and a value left out are said. */
export function fitting(fields: Fields, isProps?: boolean): Fields {
  const whole = Object.create(null) as Fields; // old frameworks hang a `toJSON` on prototypes: this has none
  Object.keys(fields).forEach((name) => {
    const given = fields[name];
    // An empty referrer says that the visitor came directly; any other empty text says nothing.
    if (given == null || (given === "" && name !== "referrer")) return;
    const size = SIZES[name];
    let value: unknown;
    if (name === "props") {
      value = fitting(Object(given) as Fields, true);
    } else if (Object(given) === given) {
      value = undefined;
    } else if (size && !isProps) {
      const n = name === "value" ? Number(given) : Math.round(Number(given));
      if (Math.abs(n) <= size) value = n;
    } else if (isProps && typeof given !== "string") {
      value = given;
    } else {
      const text = cut(String(given).trim(), isProps ? 256 : LENGTHS[name] || 64);
      value = name === "item_id" ? text.replace(/[\s,\0-\x1f]+/g, "_") : text;
    }
    whole[name] = value;
    if (value === undefined || (typeof value === "string" && value !== String(given))) {
      say(`${name} changed`, given);
    }
  });
  return whole;
}
