/** Give the page the style of an element of ours; where the browser cannot, it stands there in the page's own style. */
export function styled(css: string): void {
  try {
    // A sheet that a script builds is under no content security policy, which a style element would be.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    document.adoptedStyleSheets = document.adoptedStyleSheets.concat(sheet);
  } catch { /* before Chromium 73, Firefox 101, Safari 16.4 */ }
}
