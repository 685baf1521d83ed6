/** Random bytes. Where the page has no `crypto` an id need not be secret, only different from every other. */
function random(n: number): Uint8Array {
  const bytes = new Uint8Array(n);
  try {
    return crypto.getRandomValues(bytes);
  } catch {
    return bytes.map(() => Math.random() * 256);
  }
}

let last = 0;

/** UUIDv7 (RFC 9562 §5.7): its first 48 bits are the time in ms, so ids sort as they were made. */
export function uuid7(): string {
  const bytes = random(16);
  let now = last = Math.max(Date.now(), last + 1); // two facts of one millisecond keep their order
  for (let i = 5; i >= 0; i--) {
    bytes[i] = now % 256;
    now = Math.floor(now / 256);
  }
  bytes[6] = (bytes[6]! & 15) | 112;
  bytes[8] = (bytes[8]! & 63) | 128;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** When a UUIDv7 was made, in ms since 1970. */
export const madeAt = (id: string): number => parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
