/* civicrec tracker. Tells the portal's collector what was shown, clicked and read, if the visitor agreed.
 *
 *   <script src="https://collect.example.gov.cn/c.js" data-site="gz" data-consent="personalise" defer></script>
 *
 * Elements with data-civicrec-item (and -type -scene -slot -position -request -variant -campaign) send an impression
 * once at least half of them was in view for a second, and a click. The page sends a page_view, and its engaged time
 * as additive `read` events; both name the item of data-civicrec-page-item (and -page-type), if there is one.
 * Consent `none`, Global Privacy Control or Do Not Track: nothing is stored and nothing is sent.
 * data-anonymous-id on the script names an id that the page keeps itself (its own cookie); nothing is stored then.
 * window.civicrec('event', kind, fields), ('flush'), ('consent', level), ('token', subjectToken), ('id').
 */
(function () {
  'use strict';
  const script = document.currentScript;
  const pending = window.civicrec && window.civicrec.q || [];
  const noop = function () {};
  // Whatever goes wrong in here must never reach the page.
  const safely = (work) => function () {
    try { return work.apply(this, arguments); } catch (error) { return undefined; }
  };

  safely(function () {
    const data = script.dataset;
    const endpoint = new URL('/v1/events', script.src).href;
    const site = data.site || '';
    const BATCH = 10, EVERY_MS = 5000, MAX_QUEUE = 500, MAX_BEACON = 60000;
    const IDLE_MS = 30 * 60 * 1000, SESSION_MS = 24 * 60 * 60 * 1000, IN_VIEW_MS = 1000, PING_MS = 15000;
    const LEVELS = ['none', 'measure', 'personalise'];
    const store = (area) => ({
      get: (key) => { try { return window[area].getItem(key); } catch (error) { return null; } },
      set: (key, value) => { try { window[area].setItem(key, value); } catch (error) { noop(); } },
      drop: (key) => { try { window[area].removeItem(key); } catch (error) { noop(); } },
    });
    const lasting = store('localStorage'), passing = store('sessionStorage');
    const memory = {};

    // What the page states counts, then what was chosen here before; a stored no is never overruled.
    function consent() {
      const stored = lasting.get('civicrec.consent');
      if (navigator.globalPrivacyControl || navigator.doNotTrack === '1' || stored === 'none') return 'none';
      const chosen = data.consent || stored || 'measure';
      return LEVELS.includes(chosen) ? chosen : 'none';
    }

    function forgetVisitor() {
      queue = [];
      lasting.drop('civicrec.id');
      passing.drop('civicrec.session');
      delete memory.id;
      delete memory.session;
    }

    // UUIDv7 (RFC 9562): its first 48 bits are the time, so ids sort as they were made.
    function uuid7() {
      const bytes = crypto.getRandomValues(new Uint8Array(16));
      let now = Date.now();
      for (let i = 5; i >= 0; i--) { bytes[i] = now % 256; now = Math.floor(now / 256); }
      bytes[6] = (bytes[6] & 15) | 112;
      bytes[8] = (bytes[8] & 63) | 128;
      const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
      return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    }

    function anonymousId() {
      if (data.anonymousId) return data.anonymousId; // the page keeps the id, and knows whether it may
      memory.id = lasting.get('civicrec.id') || memory.id || uuid7();
      lasting.set('civicrec.id', memory.id);
      return memory.id;
    }

    function sessionId() {
      const now = Date.now();
      const parts = (passing.get('civicrec.session') || memory.session || '').split('.');
      const alive = parts.length === 3 && now - parts[2] < IDLE_MS && now - parts[1] < SESSION_MS;
      memory.session = [alive ? parts[0] : uuid7(), alive ? parts[1] : now, now].join('.');
      passing.set('civicrec.session', memory.session);
      return memory.session.split('.')[0];
    }

    // ---- queue: an event keeps its id until the collector has answered for it ----
    let queue = [], sending = false, timer = 0, waitMs = 0, token = data.token || '';

    function put(kind, fields) {
      const level = consent();
      if (level === 'none') return;
      const event = Object.assign({
        event_id: uuid7(), kind, occurred_at: new Date().toISOString(), site, channel: data.channel || 'web',
        anonymous_id: anonymousId(), session_id: sessionId(), url_path: location.pathname.slice(0, 512), consent: level,
      }, fields);
      for (const name in event) if (event[name] === undefined || event[name] === '') delete event[name];
      if (fields && fields.referrer === '') event.referrer = ''; // empty says: came directly
      queue.push(event);
      if (queue.length > MAX_QUEUE) queue.shift();
      if (queue.length >= BATCH) later(0); else later(EVERY_MS);
    }

    function later(ms) {
      if (timer && ms) return;
      clearTimeout(timer);
      timer = setTimeout(safely(() => { timer = 0; send(); }), Math.max(ms, waitMs));
    }

    function body(events) {
      const batch = { sent_at: new Date().toISOString(), events };
      if (token) batch.subject_token = token;
      return JSON.stringify(batch);
    }

    function send() {
      if (sending || !queue.length) return;
      const events = queue.slice(0, 50);
      sending = true;
      // text/plain needs no preflight; keepalive lets it outlive the page.
      fetch(endpoint, {
        method: 'POST', body: body(events), keepalive: true, credentials: 'omit', headers: { 'Content-Type': 'text/plain' },
      }).then((response) => {
        sending = false;
        if (response.status === 429 || response.status >= 500) return again(response.headers.get('Retry-After'));
        waitMs = 0;
        forget(events); // accepted, or refused for good
        if (queue.length) later(queue.length >= BATCH ? 0 : EVERY_MS);
      }).catch(() => { sending = false; again(); });
    }

    function again(seconds) {
      waitMs = Math.min(60000, seconds > 0 ? seconds * 1000 : Math.max(1000, waitMs * 2));
      later(EVERY_MS);
    }

    function forget(events) {
      const gone = new Set(events);
      queue = queue.filter((event) => !gone.has(event));
    }

    // The page may be going: hand over everything now. A batch under way is sent again with the same ids, which the
    // collector counts once.
    function flush() {
      while (queue.length) {
        let n = Math.min(queue.length, 100), text = body(queue.slice(0, n));
        while (n > 1 && text.length > MAX_BEACON / 3) { n = n >> 1; text = body(queue.slice(0, n)); }
        if (!(navigator.sendBeacon && navigator.sendBeacon(endpoint, text))) { send(); return; }
        queue = queue.slice(n);
      }
    }

    // ---- what elements say of themselves ----
    function fieldsOf(element) {
      const d = element.dataset;
      const position = parseInt(d.civicrecPosition, 10);
      return {
        item_id: d.civicrecItem, item_type: d.civicrecType, scene: d.civicrecScene, slot: d.civicrecSlot,
        position: position >= 0 ? position : undefined, request_id: d.civicrecRequest, variant: d.civicrecVariant,
        campaign_id: d.civicrecCampaign,
      };
    }

    // ---- impressions: half in view for a second, once per element ----
    const waiting = new Map();
    let watch = noop;
    if ('IntersectionObserver' in window) {
      const observer = new IntersectionObserver(safely((entries) => {
        for (const entry of entries) {
          const element = entry.target;
          const inView = entry.isIntersecting && entry.intersectionRatio >= 0.5;
          if (inView && !waiting.has(element)) {
            waiting.set(element, setTimeout(safely(() => {
              observer.unobserve(element);
              waiting.delete(element);
              if (document.visibilityState === 'visible') put('impression', fieldsOf(element));
              else { element.civicrecSeen = false; watch(element); }
            }), IN_VIEW_MS));
          } else if (!inView && waiting.has(element)) {
            clearTimeout(waiting.get(element));
            waiting.delete(element);
          }
        }
      }), { threshold: [0.5] });
      watch = (element) => {
        if (element.civicrecSeen) return;
        element.civicrecSeen = true;
        observer.observe(element);
      };
    }
    const scan = (root) => {
      if (root.nodeType !== 1 && root.nodeType !== 9) return;
      if (root.dataset && root.dataset.civicrecItem) watch(root);
      root.querySelectorAll('[data-civicrec-item]').forEach(watch);
    };
    new MutationObserver(safely((changes) => changes.forEach((change) => change.addedNodes.forEach(scan))))
      .observe(document.documentElement, { childList: true, subtree: true });

    // ---- clicks ----
    const clicked = safely((happening) => {
      if (happening.type === 'auxclick' && happening.button !== 1) return;
      const element = happening.target.closest && happening.target.closest('[data-civicrec-item]');
      if (element) { put('click', fieldsOf(element)); later(0); }
    });
    addEventListener('click', clicked, true);
    addEventListener('auxclick', clicked, true);

    // ---- engaged time: visible and focused, told in pieces that add up ----
    let since = 0, active = 0, deepest = 0;
    const page = () => {
      const marked = document.querySelector('[data-civicrec-page-item]');
      return marked ? { item_id: marked.dataset.civicrecPageItem, item_type: marked.dataset.civicrecPageType } : {};
    };
    const engaged = () => document.visibilityState === 'visible' && document.hasFocus();
    function tick() {
      const now = performance.now();
      if (since) active += now - since;
      since = engaged() ? now : 0;
    }
    function tellRead() {
      tick();
      if (active < 500) return;
      put('read', Object.assign({ active_ms: Math.min(86400000, Math.round(active)), scroll_pct: deepest }, page()));
      active = 0;
    }
    const scrolled = safely(() => {
      const height = document.documentElement.scrollHeight;
      if (height) deepest = Math.max(deepest, Math.min(100, Math.round((scrollY + innerHeight) / height * 100)));
    });
    addEventListener('scroll', scrolled, { passive: true });
    addEventListener('focus', safely(tick));
    addEventListener('blur', safely(tick));
    setInterval(safely(() => { tick(); if (active >= PING_MS) tellRead(); }), 1000);

    const leave = safely(() => { tellRead(); flush(); });
    document.addEventListener('visibilitychange', safely(() => {
      if (document.visibilityState === 'hidden') leave(); else tick();
    }));
    addEventListener('pagehide', leave);

    // ---- the page's own door ----
    const commands = {
      event: (kind, fields) => put(String(kind), fields),
      flush: () => { tellRead(); flush(); },
      token: (value) => { token = value || ''; },
      consent: (level) => {
        if (!LEVELS.includes(level)) return;
        lasting.set('civicrec.consent', level);
        data.consent = level;
        if (level === 'none') forgetVisitor();
      },
      id: () => consent() === 'none' ? '' : anonymousId(),
    };
    window.civicrec = safely((name, ...rest) => (commands[name] || noop)(...rest));

    const start = safely(() => {
      if (consent() === 'none') forgetVisitor();
      tick();
      scrolled();
      let from = '';
      try { from = document.referrer ? new URL(document.referrer).hostname : ''; } catch (error) { noop(); }
      put('page_view', Object.assign({ title: document.title.slice(0, 256), referrer: from }, page()));
      scan(document);
      pending.forEach((call) => window.civicrec(...call));
    });
    if (document.readyState === 'loading') addEventListener('DOMContentLoaded', start); else start();
  })();
  if (typeof window.civicrec !== 'function') window.civicrec = noop;
})();
