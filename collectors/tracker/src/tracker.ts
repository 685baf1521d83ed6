import { consent, isLevel, rank, type Level, type Standing } from "./consent";
import { delivery } from "./delivery";
import { engagement } from "./engagement";
import { exposure } from "./exposure";
import { forms } from "./forms";
import { anonymousId, sessionId } from "./identity";
import { links } from "./links";
import { pageItem, type Fields } from "./marks";
import { navigation, pathNow } from "./navigation";
import { MAX_EVENTS, queue } from "./queue";
import { listen, safely } from "./safely";
import { search } from "./search";
import { shelf } from "./shelf";
import { uuid7 } from "./uuid";

export interface Options {
  /** Address that takes events, `https://…/v1/events`. */
  endpoint: string;
  site?: string;
  channel?: string;
  /** `none`, `measure`, `personalise`, or `wait` until the visitor has answered. */
  consent?: string;
  /** An id the page keeps itself; the tracker makes none then. */
  anonymousId?: string;
  /** Subject token of a visitor who is logged in. */
  token?: string;
  /** Query parameters of the page of search results, separated by commas. */
  searchParam?: string;
}

export interface Commands {
  event(kind: string, fields?: Fields): string | undefined;
  flush(): void;
  consent(level: Level): void;
  token(value: string): void;
  id(): string;
}

/** Kinds that the next list should already know of. */
const URGENT = /^(click|dislike|favourite|service_)/;

/** Begin to listen. Each part that the browser cannot do is left out; the others work. */
export function track(options: Options): Commands {
  const lasting = shelf(() => localStorage);
  const passing = shelf(() => sessionStorage);
  const agreed = consent(options.consent ?? "", lasting);
  // Without consent to a profile nothing that tells visitors apart outlives the tab.
  const current = () => (agreed.standing() === "personalise" ? lasting : passing);
  const events = queue([lasting, passing], current);
  const sender = delivery(options.endpoint, events, current, () => rank(agreed.standing()) > rank("none"));
  let held: Fields[] = [];
  let lostHeld = 0;
  let path = pathNow();

  /** Remove what lies on the device beyond what a standing allows; the visitor's answer itself stays. */
  function forget(standing: Standing): void {
    for (const place of standing === "personalise" ? [] : standing === "measure" ? [lasting] : [lasting, passing]) {
      for (const key of place.keys()) if (key !== "consent") place.drop(key);
    }
  }

  function keep(event: Fields, level: Level): void {
    const lost = events.takeLost();
    const props: Fields = { ...(event.props as Fields | undefined), ...(lost ? { dropped: lost } : {}) };
    const whole: Fields = {
      ...event,
      anonymous_id: options.anonymousId || anonymousId(current()),
      session_id: sessionId(current()),
      consent: level,
      props: Object.values(props).some((value) => value !== undefined) ? props : undefined,
    };
    // An empty referrer says that the visitor came directly; any other empty text says nothing.
    const text = JSON.stringify(whole, (key, value: unknown) => (value === "" && key !== "referrer" ? undefined : value));
    events.put(String(event.event_id), text);
    sender.added(String(event.event_id), URGENT.test(String(event.kind)));
  }

  function put(kind: string, fields?: Fields): string | undefined {
    const standing = agreed.standing();
    if (standing === "none") return;
    const event_id = uuid7();
    const event = {
      site: options.site, channel: options.channel || "web", url_path: path,
      ...fields, event_id, kind, occurred_at: new Date().toISOString(),
    };
    if (standing !== "wait") keep(event, standing);
    else if (held.push(event) > MAX_EVENTS) lostHeld += held.splice(0, 1).length;
    return event_id;
  }

  function answer(level: Level): void {
    if (!isLevel(level)) return;
    const before = agreed.standing();
    agreed.answer(level);
    const standing = agreed.standing();
    if (rank(standing) < rank(before) || standing === "none") forget(standing === "none" ? "none" : "wait");
    const waiting = held;
    held = [];
    if (standing === "none" || standing === "wait") return;
    if (lostHeld) events.lose(lostHeld);
    lostHeld = 0;
    waiting.forEach((event) => keep(event, standing));
    if (rank(standing) > rank(before)) put("consent_given", { props: { purpose: standing } });
  }

  const arrived = (referrer?: string): void => {
    put("page_view", { title: document.title.slice(0, 256), referrer, ...pageItem() });
  };

  if (agreed.standing() !== "wait") forget(agreed.standing());
  sender.setToken(options.token ?? "");
  safely(() => arrived(document.referrer && new URL(document.referrer).hostname))();

  // Each part on its own: where the browser lacks one the others still work.
  let tellRead: () => void = () => undefined;
  let settle: () => void = () => undefined;
  safely(() => exposure(put))();
  safely(() => links(put))();
  safely(() => forms(put))();
  safely(() => {
    const found = search(options.searchParam ?? "", put);
    const reading = engagement((read) => put("read", { ...read, ...pageItem() }));
    tellRead = reading.tellNow;
    found.arrived();
    const moves = navigation(
      () => reading.tellNow(),
      (newPath, isBack) => {
        path = newPath;
        reading.restart();
        arrived(isBack ? undefined : location.hostname);
        if (!isBack) found.arrived();
      },
    );
    settle = moves.settle;
  })();

  const leave = (): void => {
    safely(settle)();
    safely(tellRead)();
    sender.leave();
  };
  listen(window, "pagehide", leave);
  listen(document, "visibilitychange", () => { if (document.visibilityState === "hidden") leave(); });

  return {
    event: (kind, fields) => put(String(kind), fields),
    flush: leave,
    consent: answer,
    token: (value) => sender.setToken(value || ""),
    id: () => {
      const standing = agreed.standing();
      return standing === "none" || standing === "wait" ? "" : options.anonymousId || anonymousId(current());
    },
  };
}
