// Finds text too faint (WCAG 1.4.3), lines too close, nameless controls, skipped heading levels, missing landmarks.
const found = [];
const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
  return .2126 * r + .7152 * g + .0722 * b; };
const rgb = (s) => (s.match(/[\d.]+/g) || []).map(Number);
const behind = (n) => { for (; n; n = n.parentElement) { const c = rgb(getComputedStyle(n).backgroundColor);
  if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let t; (t = walk.nextNode());) {
  const n = t.parentElement, style = getComputedStyle(n);
  if (!t.data.trim() || n.closest("template, script, .hidden") || !n.getClientRects().length) continue;
  const [a, b] = [light(rgb(style.color)), light(behind(n))].sort((x, y) => y - x);
  if ((a + .05) / (b + .05) < 4.5) found.push("contrast: " + t.data.trim());
  if (parseFloat(style.lineHeight) < 1.5 * parseFloat(style.fontSize) - .5) found.push("line height: " + t.data.trim());
}
for (const n of document.querySelectorAll("a, button, input:not([type=hidden])"))
  if (!(n.textContent.trim() || n.getAttribute("aria-label") || (n.labels && n.labels.length))) found.push("nameless: " + n.outerHTML);
let level = 0;
for (const n of document.querySelectorAll("main h1, main h2, main h3")) {
  if (+n.tagName[1] > level + 1) found.push("heading skips: " + n.textContent);
  level = +n.tagName[1];
}
if (document.querySelectorAll("h1").length !== 1) found.push("h1 count");
for (const name of ["header", "nav", "main", "footer"]) if (!document.querySelector(name)) found.push("no " + name);
for (const n of document.querySelectorAll("nav")) if (!n.getAttribute("aria-label")) found.push("nameless nav");
return found;
