import { clock } from "./safely";
import type { Shelf } from "./shelf";
import { uuid7 } from "./uuid";

const IDLE_MS = 30 * 60_000;
const LONGEST_MS = 24 * 60 * 60_000;

/** The visitor's id on this shelf; made when first asked for. */
export function anonymousId(shelf: Shelf): string {
  const id = shelf.get("id") || uuid7();
  shelf.set("id", id);
  return id;
}

/** The session's id: kept as `id.began.last`, over after 30 idle minutes or a day. */
export function sessionId(shelf: Shelf): string {
  const now = clock();
  const [id, began, last] = (shelf.get("session") || "").split(".");
  const goesOn = id && now - +last! < IDLE_MS && now - +began! < LONGEST_MS;
  const session = goesOn ? id : uuid7();
  shelf.set("session", [session, goesOn ? began : now, now].join("."));
  return session;
}
