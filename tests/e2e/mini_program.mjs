// The rules of a mini-program's JavaScript around docs/senders/mini_list.mjs: no DOM, no fetch, no eval, no Function from text;
// a Page, and a wx.request that really asks. One command a line comes in as JSON, one answer a line goes out.
import { createContext, SourceTextModule } from "node:vm";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [folder, setup] = [process.argv[2], JSON.parse(process.argv[3])];
const kept = {};
let page;
const wx = {
  getStorageSync: (key) => kept[key] ?? "",
  setStorageSync: (key, value) => { kept[key] = JSON.parse(JSON.stringify(value)); },
  navigateTo: ({ url }) => { page.opened = url; },
  request({ url, data, method, header = {}, timeout = 60000, success, fail }) {
    const body = typeof data === "string" ? data : JSON.stringify(data); // as the platform does
    fetch(url, { method, body, headers: { "content-type": "application/json", ...header }, signal: AbortSignal.timeout(timeout) })
      .then(async (answer) => {
        const text = await answer.text();
        let told = text;
        try { told = JSON.parse(text); } catch { /* handed over as it is */ }
        success({ statusCode: answer.status, data: told, header: Object.fromEntries(answer.headers) });
      })
      .catch((error) => fail({ errMsg: `request:fail ${error.message}` }));
  },
};
const globals = {
  wx, console, setTimeout, clearTimeout,
  Page: (description) => {
    page = { ...description, data: { ...description.data }, setData(data, done) { Object.assign(this.data, data); done?.(); } };
    page.createIntersectionObserver = () => ({
      relativeToViewport() { return this; }, disconnect() {}, observe(_, hear) { page.hear = hear; },
    });
  },
};
const context = createContext(globals, { codeGeneration: { strings: false, wasm: false } });
const app = `
  import { sender } from "mini_sender.mjs";
  import { recommended } from "mini_list.mjs";
  for (const name of ["document", "window", "fetch", "process", "require", "XMLHttpRequest", "localStorage"]) {
    if (name in globalThis) throw new Error(name + " is there");
  }
  let isEval = true;
  try { new Function("return 1")(); } catch { isEval = false; }
  if (isEval) throw new Error("text is run");
  const setup = ${JSON.stringify(setup)};
  const civicrec = sender({ url: setup.collect + "/v1/events", site: setup.site, channel: "mini", consent: setup.consent,
    post: (url, data) => new Promise((done, fail) => wx.request({ url, data, method: "POST", fail,
      success: (r) => done({ status: r.statusCode, data: r.data, retryAfter: r.header["retry-after"] }) })),
    load: (key) => wx.getStorageSync(key), save: (key, value) => wx.setStorageSync(key, value), warn: console.warn });
  const list = recommended({ url: setup.lists, site: setup.site, scene: "home", n: 6, sender: civicrec, consent: setup.consent,
    request: (options) => wx.request(options), timeoutMs: setup.timeoutMs });
  globalThis.flush = () => civicrec.flush();
  ${readFileSync(`${folder}/mini_list.mjs`, "utf8").match(/^\/\/ {3}Page\([\s\S]*?^\/\/ {3}\}\);/m)[0].replace(/^\/\/ {3}/gm, "")}
`;
const link = (name) => new SourceTextModule(readFileSync(`${folder}/${name}`, "utf8"), { context, identifier: name });
const main = new SourceTextModule(app, { context });
await main.link(link);
await main.evaluate();

const commands = {
  show: async () => {
    const before = page.data.items;
    page.onShow();
    const until = Date.now() + setup.timeoutMs + 1000;
    while (page.data.items === before && Date.now() < until) await new Promise((go) => setTimeout(go, 20));
    return page.data;
  },
  see: ({ position, ratio }) => page.hear({ dataset: { position }, intersectionRatio: ratio }),
  hide: () => page.onHide(),
  open: ({ position }) => { page.open({ currentTarget: { dataset: { position } } }); return page.opened; },
  flush: () => context.flush(),
};
for await (const line of createInterface({ input: process.stdin })) {
  const { name, ...given } = JSON.parse(line);
  console.log(JSON.stringify((await commands[name](given)) ?? null));
}
process.exit(0);
