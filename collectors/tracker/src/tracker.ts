import { consent, isLevel, rank, type Level, type Standing } from "./consent";
import { delivery } from "./delivery";
import { engagement } from "./engagement";
import { exposure } from "./exposure";
import { fitting } from "./fields";
import { forms } from "./forms";
import { anonymousId, sessionId } from "./identity";
import { links } from "./links";
import { pageItem, type Fields } from "./marks";
import { navigation, pathNow } from "./navigation";
import { isHidden, linkTo, own } from "./page";
import { FULL, MAX_EVENTS, queue } from "./queue";
import { listen, safely } from "./safely";
import { search } from "./search";
import { shelf, type Shelf } from "./shelf";
import { submits } from "./submits";
import { now } from "./text";
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
  /** Keeps the visitor's answer, if one is given; returns what holds. */
  consent(level?: Level): Standing;
  token(value: string): void;
  id(): string;
}

/** Kinds that the next list should already know of. */
const URGENT = /^(click|dislike|favourite|service_)/;

/** Begin to listen. Each part that the browser cannot do is left out; the others work. */
export function track(options: Options): Commands {
  const lasting = shelf(() => localStorage);
  const passing = shelf(() => sessionStorage);
  const agreed = consent(options.consent, lasting);
  // Without consent to a profile nothing that tells visitors apart outlives the tab.
  const current = (): Shelf => (agreed.standing() === "personalise" ? lasting : passing);
  const events = queue([lasting, passing], current);
  const isAllowed = (): boolean => rank(agreed.standing()) > rank("none");
  const sender = delivery(options.endpoint, events, current, isAllowed);
  const actor = (): string => options.anonymousId || anonymousId(current());
  let held: Fields[] = [];
  let lostHeld = 0;
  let path = pathNow();

  /** Remove what lies on the device beyond what a standing allows; the visitor's answer itself stays. */
  function forget(standing: Standing): void {
    [lasting, passing].slice(0, 3 - rank(standing)).forEach((place) => {
      place.keys().forEach((key) => { if (key !== "consent") place.set(key); });
    });
  }

  function keep(event: Fields, level: Level): void {
    const dropped = events.takeLost();
    if (dropped) event.props = Object.assign({}, event.props, { dropped });
    Object.assign(event, { anonymous_id: actor(), session_id: sessionId(current()), consent: level });
    events.put(event.event_id as string, JSON.stringify(fitting(event)));
    sender.added(event.event_id as string, URGENT.test(event.kind as string));
  }

  function put(kind: string, fields?: Fields): string | undefined {
    const standing = agreed.standing();
    if (standing === "none") return;
    const event_id = uuid7();
    const page = { site: options.site, channel: options.channel || "web", url_path: path };
    const event: Fields = Object.assign(page, fields, { event_id, kind, occurred_at: now() });
    if (standing !== "wait") keep(event, standing);
    else if (held.push(event) > MAX_EVENTS) lostHeld += held.splice(0, 1).length;
    return event_id;
  }

  function answer(level?: Level): Standing {
    if (isLevel(level)) {
      const before = rank(agreed.standing());
      if (before > 2 && rank(level) < before) {
        // Told while it may be: afterwards nothing is known here by which what is held could be found.
        put("consent_withdrawn");
        sender.leave();
      }
      agreed.answer(level);
      const standing = agreed.standing() as Level;
      const waiting = held;
      held = [];
      if (rank(standing) < before || !isAllowed()) forget("none");
      if (isAllowed()) {
        events.lose(Array(lostHeld) as undefined[], FULL);
        lostHeld = 0;
        waiting.forEach((event) => keep(event, standing));
        if (rank(standing) > before) put("consent_given", { props: { purpose: standing } });
      }
      dispatchEvent(new Event("civicrec"));
    }
    return agreed.standing();
  }

  if (agreed.standing() !== "wait") forget(agreed.standing());
  sender.setToken(options.token);

  const title = safely(() => own("title"));
  const searched = search(options.searchParam || "", put);
  let referrer: string | undefined = safely(() => own("referrer") && linkTo(own("referrer")).hostname)();
  /** A page is viewed when it is shown: one that is opened behind others, or made ready ahead, may never be. */
  let unseen: (() => void) | undefined;
  function arrived(isBack?: boolean): void {
    unseen = () => {
      unseen = undefined;
      put("page_view", Object.assign(pageItem(), { title: title(), referrer: isBack ? undefined : referrer }));
      referrer = location.hostname;
      if (!isBack) searched.found();
    };
    if (!isHidden()) unseen();
  }

  // Each part on its own: where the browser lacks one the others still work.
  const reading = safely(engagement)((read) => put("read", Object.assign(read, pageItem())))!;
  const settle = safely(navigation)(() => `${pageItem().item_id || ""} ${title()}`, (newPath) => {
    safely(reading)(true);
    path = newPath;
  }, arrived)!;
  safely(exposure)(put);
  safely(links)(put);
  safely(() => {
    const sentService = forms(put);
    submits((form) => {
      sentService(form);
      searched.sent(form);
    });
  })();

  const leave = (isGone?: unknown): void => {
    safely(settle)();
    safely(reading)();
    sender.leave(isGone);
  };
  listen("pagehide", leave);
  listen("visibilitychange", () => {
    if (isHidden()) leave();
    else if (unseen) unseen();
  });

  return {
    event: put,
    flush: leave,
    consent: answer,
    token: sender.setToken,
    id: () => (isAllowed() ? actor() : ""),
  };
}
