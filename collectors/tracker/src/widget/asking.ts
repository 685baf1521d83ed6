/** Lists from the server: those that a page needs at one time in one request, so that no item stands in two of them. */
import { visitor, type Options } from "./options";

export interface Block {
  scene: string;
  /** The scene's own length where the page names none. */
  n: number | null;
  item_id: string;
  slot: string;
  cursor: string;
  exclude: string[];
}

export interface Item {
  item_id: string;
  item_type: string;
  title: string;
  url?: string;
  published_at?: string;
  position: number;
  slot?: string;
  reasons?: { text: string }[];
}

export interface List {
  request_id: string;
  scene: string;
  mode: string;
  variant?: string;
  items: Item[];
  next_cursor?: string | null;
}

type Taker = (list?: List) => void;

/** Blocks that one request may ask for. */
const MOST = 20;

/** Return a function that asks for a list; nothing is given where there is none to be had. */
export function asking(options: Options): (block: Block) => Promise<List | undefined> {
  let waiting: [Block, Taker][] = [];

  function send(part: [Block, Taker][]): void {
    const { anonymous_id, subject_token } = visitor(options);
    const mode = anonymous_id || subject_token ? "personalised" : "general";
    const blocks = part.map(([block]) => block);
    const give = (lists: List[]) => part.forEach(([, take], index) => take(lists[index]));
    // A text is sent as text/plain, which needs no preflight.
    const body = JSON.stringify({ site: options.site || "", anonymous_id, subject_token, mode, blocks });
    fetch(`${options.endpoint}/v1/recommendations`, { method: "POST", body, credentials: "omit" })
      .then((response) => response.json().then((answer) => {
        if (response.ok) return give(answer.blocks);
        // One of several that is wrong, a scene that nobody knows, must not take the others with it.
        if (response.status === 422 && part.length > 1) return part.forEach((one) => send([one]));
        console.warn("civicrec: no list:", answer.detail);
        give([]);
      }))
      .catch(() => give([]));
  }

  function flush(): void {
    const all = waiting;
    waiting = [];
    for (let from = 0; from < all.length; from += MOST) send(all.slice(from, from + MOST));
  }

  return (block) => new Promise((take) => {
    if (waiting.push([block, take]) < 2) void Promise.resolve().then(flush);
  });
}
