// A list in a page of a mini-program: fetched, shown, its impressions and clicks told by mini_sender.mjs. Copy both; no DOM
// and no eval is needed. The list server and the collector are request domains of the mini-program (服务器域名).
//
//   const list = recommended({ url: "https://lists.example.gov.cn", site: "gz", scene: "home", n: 6, sender: civicrec,
//     consent: "personalise", request: (options) => wx.request(options) });
//   Page({
//     data: { items: [], label: "" },
//     onShow() { list.load().then((shown) => shown && this.setData(shown, () => this.watch())); },
//     watch() {
//       if (this.observer) this.observer.disconnect();
//       this.observer = this.createIntersectionObserver({ observeAll: true, thresholds: [0, 0.5] }).relativeToViewport();
//       this.observer.observe(".item", (seen) => list.seen(seen.dataset.position, seen.intersectionRatio));
//     },
//     onHide() { list.hide(); },
//     open(tap) { const item = list.click(tap.currentTarget.dataset.position); if (item) wx.navigateTo({ url: item.url }); },
//   });
//
//   <view class="item" wx:for="{{items}}" wx:key="item_id" data-position="{{index}}" bindtap="open">
//     <text>{{item.title}}</text> <text wx:if="{{item.reason}}">推荐理由：{{item.reason}}</text>
//   </view>
//   <text>{{label}}</text>

const SEEN_MS = 1000, HALF = 0.5, PERSONAL = "个性化推荐：根据您的浏览记录推荐。", GENERAL = "通用推荐：未使用您的浏览记录。";

/**
 * Return a list of one page.
 *
 * `link`: page of an item, `{id}` and `{type}` filled in. `token()`: subject token of a visitor who is logged in.
 * `request`: the platform's own, as `wx.request`.
 */
export function recommended({ url, site, scene, n, slot = "", sender, consent, request, token = () => "",
  link = "/pages/item/item?id={id}", timeoutMs = 3000, timer = setTimeout, noTimer = clearTimeout }) {
  let shown = [], list = {}, waiting = {}, told = {}, asked = 0;

  /** Ask for the list; nothing where there is none in time: the page then keeps what it has. */
  function load() {
    const turn = (asked += 1), isPersonal = consent === "personalise";
    const data = {
      site, mode: isPersonal ? "personalised" : "general", anonymous_id: isPersonal ? sender.anonymousId : "",
      subject_token: (isPersonal && token()) || "", blocks: [{ scene, n, slot }],
    };
    return new Promise((give) => request({
      url: `${url}/v1/recommendations`, method: "POST", data, timeout: timeoutMs, header: { "content-type": "application/json" },
      success: ({ statusCode, data: answer }) => give(statusCode === 200 && turn === asked ? take(answer) : undefined),
      fail: () => give(undefined),
    }));
  }

  function take(answer) {
    const block = answer && Array.isArray(answer.blocks) && answer.blocks[0]; // a login page answers 200, too
    if (!block || !Array.isArray(block.items) || !block.items.length) return undefined;
    hide();
    [list, shown, told] = [block, block.items, {}];
    return {
      items: shown.map((item) => ({
        item_id: item.item_id, item_type: item.item_type, title: item.title, date: (item.published_at || "").slice(0, 10),
        reason: item.reasons && item.reasons[0] ? item.reasons[0].text : "", url: page(item),
      })),
      label: block.mode === "personalised" ? PERSONAL : GENERAL,
    };
  }

  const page = (item) => link.replace("{id}", encodeURIComponent(item.item_id)).replace("{type}", item.item_type);

  function tell(kind, { item_id, item_type, position }) {
    const { request_id, variant } = list;
    sender.event(kind, { item_id, item_type, position, request_id, scene, slot, ...(variant ? { variant } : {}) });
  }

  /** Hear how much of an item stands in view: half of it for a second is an impression, once a list. */
  function seen(index, ratio) {
    const item = shown[index];
    if (ratio < HALF) { noTimer(waiting[index]); delete waiting[index]; }
    else if (item && !told[index] && !waiting[index]) {
      waiting[index] = timer(() => { delete waiting[index]; told[index] = true; tell("impression", item); }, SEEN_MS);
    }
  }

  /** Tell that an item was tapped; return its id, type and page. */
  function click(index) {
    const item = shown[index];
    if (!item) return undefined;
    tell("click", item);
    sender.flush();
    return { ...item, url: page(item) };
  }

  /** The page is hidden: nothing of it is seen any more. */
  function hide() {
    for (const index of Object.keys(waiting)) noTimer(waiting[index]);
    waiting = {};
  }

  return { load, seen, click, hide };
}
