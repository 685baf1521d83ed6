import { clock, safely } from "./safely";

let last = 0;

/** UUIDv7 (RFC 9562 §5.7): its first 48 bits are the time in ms, so ids sort as they were made. */
export function uuid7(): string {
  last = Math.max(clock(), last + 1); // two facts of one millisecond keep their order
  const time = `0${last.toString(16)}`.slice(-12);
  const bytes = new Uint8Array(20);
  // Where the page has no `crypto` an id need not be secret, only different from every other.
  safely(() => crypto.getRandomValues(bytes))();
  let n = 0;
  return `${time.slice(0, 8)}-${time.slice(8)}-7xxx-yxxx-xxxxxxxxxxxx`.replace(/[xy]/g, (place) => {
    const chance = bytes[n++]! || Math.random() * 256;
    return (place === "x" ? chance & 15 : (chance & 3) | 8).toString(16);
  });
}

/** When a UUIDv7 was made, in ms since 1970. */
export const madeAt = (id: string): number => parseInt(id.replace("-", ""), 16);
