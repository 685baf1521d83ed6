// Events from a mini-program or an app that runs JavaScript without a DOM. The platform's own request, storage and timer
// are handed in; everything else is here.
//
//   const civicrec = sender({
//     url: "https://collect.example.gov.cn/v1/events", site: "gz", channel: "mini", consent: "personalise",
//     post: (url, data) => new Promise((done, fail) => wx.request({ url, data, method: "POST", fail,
//       success: (r) => done({ status: r.statusCode, data: r.data, retryAfter: r.header["Retry-After"] }) })),
//     load: (key) => wx.getStorageSync(key), save: (key, value) => wx.setStorageSync(key, value),
//   });
//   civicrec.event("click", { item_id: "a-1", item_type: "service" });
//   App({ onHide: () => civicrec.flush() });

const BATCH = 10, EVERY_MS = 5000, MAX_EVENTS = 500, LONGEST_WAIT_MS = 5 * 60000;
const LONGEST_ASKED_MS = 3600000;
const HALF = /[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g;

/** UUIDv7: 48 bits of time in ms, then chance. Mini-programs have no `crypto`; an id must differ, not be secret. */
export function uuid7(now = Date.now(), chance = Math.random) {
  const hex = (n, digits) => Math.floor(n).toString(16).padStart(digits, "0");
  const time = hex(now, 12), part = (digits) => hex(chance() * 16 ** digits, digits);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${part(3)}-${hex(8 + chance() * 4, 1)}${part(3)}-${part(12)}`;
}

/** What the collector has said, if it was the collector: `{}` for a login page, a firewall's challenge, or nothing. */
function readAnswer({ status, data }) {
  if (data === undefined) return { isFinal: status === 200, rejected: [] }; // a `post` of old that hands over no text
  let answer = data;
  try { if (typeof data === "string") answer = JSON.parse(data); } catch { /* no JSON */ }
  const isObject = answer && typeof answer === "object";
  const rejected = isObject && Array.isArray(answer.rejected) ? answer.rejected : [];
  if (status === 200 && isObject && typeof answer.accepted === "number") return { isFinal: true, rejected };
  const isRefused = (status === 400 || status === 413) && isObject && answer.status === status && "title" in answer;
  return { isFinal: isRefused, isRefused, rejected: [], detail: isRefused ? answer.detail : "" };
}

/** An event without nulls and halves of characters. */
const clean = (event) => JSON.parse(JSON.stringify(event, (key, value) =>
  value === null ? undefined : typeof value === "string" ? value.replace(HALF, (found) => (found[1] ? found : "")) : value));

export function sender({ url, site, channel, consent, post, load, save, timer = setTimeout, warn = (text) => console.warn(text) }) {
  // Storage may be full, locked or damaged: then memory serves, and the app never hears of it.
  const kept = (key) => { try { return load(key); } catch { return undefined; } };
  const store = (key, value) => { try { save(key, value); } catch { /* kept in memory */ } };
  const isEvent = (event) => event && typeof event === "object" && typeof event.event_id === "string";

  const stored = kept("civicrec.queue"), id = kept("civicrec.id");
  let queue = Array.isArray(stored) ? stored.filter(isEvent) : [];
  let dropped = Array.isArray(stored) ? stored.length - queue.length : 0;
  let failures = 0, notBefore = 0, isSending = false, isDue = false, hasWarned = false;
  const anonymousId = typeof id === "string" && /^[\w-]{1,64}$/.test(id) ? id : uuid7();
  if (consent === "personalise") store("civicrec.id", anonymousId);
  const keep = () => { if (consent === "personalise") store("civicrec.queue", queue); };

  function lose(events, why) {
    for (const event of events) dropped += 1 + (event.props?.dropped || 0); // it was to tell of others
    if (events.length && !hasWarned) warn(`civicrec: events are lost: ${why}`);
    hasWarned ||= events.length > 0;
  }

  function later(ms) {
    if (isDue) return;
    isDue = true;
    timer(() => { isDue = false; flush(); }, Math.max(ms, notBefore - Date.now()));
  }

  /** Send the oldest events; they leave the queue only once the collector has answered for them. */
  async function flush() {
    if (isSending || !queue.length || consent === "none") return;
    if (notBefore > Date.now()) return later(0);
    const events = queue.slice(0, 50), sent = new Set(events);
    isSending = true;
    let answer = { status: 0 };
    try { answer = await post(url, JSON.stringify({ sent_at: new Date().toISOString(), events })); } catch { /* offline */ }
    isSending = false;
    const { isFinal, isRefused, rejected, detail } = readAnswer(answer || {});
    if (!isFinal) {
      const own = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** failures++) * (0.5 + Math.random() / 2);
      notBefore = Date.now() + (answer?.retryAfter > 0 ? Math.min(answer.retryAfter * 1000, LONGEST_ASKED_MS) + own / 2 : own);
      return later(0);
    }
    failures = 0;
    if (isRefused) lose(events, detail);
    lose(rejected.map(({ index }) => events[index]).filter(Boolean), rejected[0]?.detail);
    queue = queue.filter((event) => !sent.has(event));
    keep();
    if (queue.length) later(queue.length >= BATCH ? 0 : EVERY_MS);
  }

  function event(kind, fields = {}) {
    if (consent === "none") return;
    const props = dropped ? { ...fields?.props, dropped } : fields?.props;
    dropped = 0;
    try {
      queue.push(clean({ site, channel, ...fields, props, event_id: uuid7(), kind, occurred_at: new Date().toISOString(),
        anonymous_id: anonymousId, consent }));
    } catch (error) {
      lose([{ props }], error.message); // a field that is no JSON
    }
    if (queue.length > MAX_EVENTS) lose(queue.splice(0, queue.length - MAX_EVENTS), `more than ${MAX_EVENTS} wait`);
    keep();
    later(queue.length >= BATCH ? 0 : EVERY_MS);
  }

  later(0); // what the last run left
  return { event, flush, anonymousId };
}
