// Events from a mini-program or an app that runs JavaScript without a DOM. The platform's own request, storage and timer
// are handed in; everything else is here.
//
//   const civicrec = sender({
//     url: "https://collect.example.gov.cn/v1/events", site: "gz", channel: "mini", consent: "personalise",
//     post: (url, data) => new Promise((done, fail) => wx.request({ url, data, method: "POST", fail,
//       success: (r) => done({ status: r.statusCode, retryAfter: r.header["Retry-After"] }) })),
//     load: (key) => wx.getStorageSync(key), save: (key, value) => wx.setStorageSync(key, value),
//   });
//   civicrec.event("click", { item_id: "a-1", item_type: "service" });
//   App({ onHide: () => civicrec.flush() });

const BATCH = 10, EVERY_MS = 5000, MAX_EVENTS = 500, LONGEST_WAIT_MS = 5 * 60000;

/** UUIDv7: 48 bits of time in ms, then chance. Mini-programs have no `crypto`; an id must differ, not be secret. */
export function uuid7(now = Date.now(), chance = Math.random) {
  const hex = (n, digits) => Math.floor(n).toString(16).padStart(digits, "0");
  const time = hex(now, 12), part = (digits) => hex(chance() * 16 ** digits, digits);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${part(3)}-${hex(8 + chance() * 4, 1)}${part(3)}-${part(12)}`;
}

export function sender({ url, site, channel, consent, post, load, save, timer = setTimeout }) {
  let queue = load("civicrec.queue") || [];
  let dropped = 0, failures = 0, notBefore = 0, isSending = false, isDue = false;
  const anonymousId = load("civicrec.id") || uuid7();
  if (consent === "personalise") save("civicrec.id", anonymousId);
  const keep = () => { if (consent === "personalise") save("civicrec.queue", queue); };

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
    if (answer.status === 0 || answer.status === 408 || answer.status === 429 || answer.status >= 500) {
      const own = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** failures++) * (0.5 + Math.random() / 2);
      notBefore = Date.now() + (answer.retryAfter > 0 ? answer.retryAfter * 1000 + own / 2 : own);
      return later(0);
    }
    failures = 0;
    if (answer.status >= 400) dropped += events.length; // refused as a whole, and for good
    queue = queue.filter((event) => !sent.has(event));
    keep();
    if (queue.length) later(queue.length >= BATCH ? 0 : EVERY_MS);
  }

  function event(kind, fields = {}) {
    if (consent === "none") return;
    const props = dropped ? { ...fields.props, dropped } : fields.props;
    dropped = 0;
    queue.push({ site, channel, ...fields, props, event_id: uuid7(), kind, occurred_at: new Date().toISOString(),
      anonymous_id: anonymousId, consent });
    while (queue.length > MAX_EVENTS) dropped += 1 + (queue.shift().props?.dropped || 0);
    keep();
    later(queue.length >= BATCH ? 0 : EVERY_MS);
  }

  later(0); // what the last run left
  return { event, flush };
}
