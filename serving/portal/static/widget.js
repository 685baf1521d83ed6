/* Keeps the recommended block of a page up to date after clicks. The page is complete without it.
 *
 * A block is <section data-civicrec-block="home" data-n="8" data-mode="personalised"> with an <ol> and a <template>
 * that holds one empty card. The new list comes from the recommendation API of this origin; every link is marked
 * with the data-civicrec-* attributes that the tracker observes. Text only is inserted, never markup.
 */
(() => {
  "use strict";
  const CLICKED = "civicrec_clicked_at";
  const TYPES = { policy: "政策文件", interpretation: "政策解读", service: "办事服务", news: "新闻动态",
    guide: "办事指南", faq: "常见问题", topic: "专题" };
  // A click reaches the store within two seconds on an idle stack; on a busy one later, so the list is asked for again.
  const LOOK_AFTER_MS = [2000, 4000, 8000];

  const cookie = (name) => {
    const found = document.cookie.split("; ").find((part) => part.startsWith(name + "="));
    return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
  };

  const card = (block, list, item) => {
    const node = block.querySelector("template").content.firstElementChild.cloneNode(true);
    const facts = { item: item.item_id, type: item.item_type, scene: list.scene, position: item.position,
      slot: item.slot, request: list.request_id, variant: list.variant };
    const link = node.querySelector(".title");
    for (const [name, value] of Object.entries(facts)) {
      if (value !== "" && value != null) link.setAttribute("data-civicrec-" + name, value);
    }
    link.textContent = item.title;
    link.href = "/portal/items/" + encodeURIComponent(item.item_id);
    node.querySelector(".type").textContent = TYPES[item.item_type] || "";
    const day = node.querySelector("time");
    if (item.published_at) {
      day.textContent = day.dateTime = new Date(Date.parse(item.published_at) + 8 * 3600e3).toISOString().slice(0, 10);
    } else {
      day.remove();
    }
    const reason = item.reasons && item.reasons[0];
    if (reason) node.querySelector(".reason span").textContent = reason.text;
    else node.querySelector(".reason").remove();
    return node;
  };

  const refresh = async (block) => {
    if (block.querySelector(":focus-visible")) return; // never move a list under somebody's keyboard
    const query = new URLSearchParams({ scene: block.dataset.civicrecBlock, n: block.dataset.n, mode: block.dataset.mode });
    if (block.dataset.mode === "personalised") query.set("anonymous_id", cookie("civicrec_aid"));
    const answer = await fetch("/v1/recommendations?" + query, { credentials: "omit" });
    if (!answer.ok) return; // the list that stands is good
    const list = await answer.json();
    const shown = [...block.querySelectorAll("[data-civicrec-item]")].map((node) => node.dataset.civicrecItem);
    if (!list.items.length || list.items.map((item) => item.item_id).join() === shown.join()) return;
    block.querySelector("ol.cards").replaceChildren(...list.items.map((item) => card(block, list, item)));
    block.querySelector("[role=status]").textContent = "推荐列表已更新";
  };

  const clickedAt = () => Number(sessionStorage.getItem(CLICKED) || 0);
  const later = () => {
    const blocks = document.querySelectorAll("[data-civicrec-block]");
    if (!blocks.length) return; // the page that was clicked to: the list is on the one before
    const since = clickedAt();
    if (Date.now() - since > 60000) return; // no recent click: the server's list is already the newest
    sessionStorage.removeItem(CLICKED);
    for (const ms of LOOK_AFTER_MS) {
      setTimeout(() => blocks.forEach((block) => {
        refresh(block).catch(() => {}); // offline or busy: the list that stands is good
      }), Math.max(since + ms - Date.now(), 0));
    }
  };

  // Beginning to apply is the portal's own event: only the page knows which link does it.
  document.addEventListener("click", (event) => {
    const start = event.target.closest("[data-civicrec-start]");
    if (start && window.civicrec) {
      window.civicrec("event", "service_start", { item_id: start.dataset.civicrecStart, item_type: "service" });
    }
  });

  const noteClick = (event) => {
    if (!cookie("civicrec_aid")) return; // without consent not even a time is kept
    if (event.target.closest("[data-civicrec-item]")) sessionStorage.setItem(CLICKED, String(Date.now()));
  };
  document.addEventListener("click", noteClick);
  document.addEventListener("auxclick", noteClick);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && clickedAt()) later();
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted && clickedAt()) later(); // back to a page the browser had kept as it was
  });
  later();
})();
