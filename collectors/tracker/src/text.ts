/** Texts as they are sent. */
import { own } from "./page";
import { safely } from "./safely";

/** The first `n` units of a text, without halves of characters and without marks of unreadable ones. */
export const cut = (text: string, n: number): string =>
  text.slice(0, n).replace(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff\ufffd]/g, (found) => (found[1] ? found : ""));

/** The present time as RFC 3339 writes it: old frameworks have a `toISOString` that adds quotation marks. */
export const now = (): string => new Date().toISOString().replace(/"/g, "");

/**
 * Text without percent codes, which are those of UTF-8 or, on pages of GBK and its kin, of the page's own encoding.
 *
 * @param codes Finds a code, with its digits, or else one character.
 * @returns Empty if they are neither.
 */
function decoded(text: string, codes: RegExp): string {
  const bytes: number[] = [];
  text.replace(codes, (found, code: string) => {
    bytes.push(code ? parseInt(code, 16) : found.charCodeAt(0));
    return "";
  });
  const charset = own("characterSet");
  const read = safely((encoding: string) => new TextDecoder(encoding, { fatal: true }).decode(new Uint8Array(bytes)));
  const utf8 = read("utf-8") || "";
  // Two words of GBK in a hundred are UTF-8 as well: of letters that no Chinese text is made of.
  return (/[\x80-\u07ff]/.test(utf8) && /^gb/i.test(charset) && read(charset)) || utf8 || read(charset) || "";
}

/** Words from the query of an address, also as `escape` codes them and coded twice; empty if nobody can read them. */
export function words(value: string): string {
  const once = (text: string) => (/%u[\da-f]{4}/i.test(text) ? unescape(text) : decoded(text, /%([\da-f]{2})|[^]/gi));
  const read = once(value.replace(/\+/g, " "));
  return (/%[89a-f]/i.test(read) && once(read)) || read;
}

/**
 * A path as people read it, at most `n` long, without the keys that servers write into it (`;jsessionid=…`).
 * Codes of ASCII stay: the collector undoes them, and twice would be once too often.
 */
export function readable(path: string, n: number): string {
  const bare = path.replace(/(;|%3b)[^/]*/gi, "");
  return cut((!/[^\0-\x7f]/.test(bare) && decoded(bare, /%([89a-f][\da-f])|[^]/gi)) || bare || "/", n);
}
