// Writes the scripts of the tags, c.js of the tracker and w.js of the widget, and dist/, the ES modules, from the same source.
import { readFile, writeFile } from "node:fs/promises";
import { build, transform } from "esbuild";
import { minify } from "terser";

// Chromium 49, which the oldest web views of the country are made of, reads ES2015.
const common = { bundle: true, minify: true, target: "es2015", charset: "utf8", legalComments: "none", logLevel: "warning" };
const banner = "/* civicrec, Apache-2.0 */";
// Methods that only our own files call. Terser leaves alone what a browser has under the same name.
const own = /^(standing|answer|takeLost|lose|drop|ids|added|leave|setToken|sent|found|handOver)$/;

const privately = /^(hasOwnContent|isFurther|isInUse|turned|dislike|foot|more|renew|begin|show|entry|block|reopen|opener|fill|look)$/;

// Nothing of ours reads a property for its effect, builds with a function, or asks whether something is `true` itself.
const compress = {
  passes: 3, inline: 1, hoist_funs: true, module: true, unsafe_arrows: true, pure_getters: true, booleans_as_integers: true,
};


const styles = {
  name: "styles as texts",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true, target: "chrome73" });
      return { contents: code.trim(), loader: "text" };
    });
  },
};
common.plugins = [styles];

async function writeScript(source, target, options) {
  const { outputFiles: [script] } = await build({ ...common, entryPoints: [source], format: "iife", write: false });
  const { code } = await minify(script.text, { ecma: 2015, ...options, format: { preamble: banner } });
  await writeFile(target, `${code}\n`);
}

const [tracker = "../static/c.js", widgets = "../../serving/static"] = process.argv.slice(2);
await writeScript("src/script.ts", tracker, { compress, mangle: { properties: { regex: own } } });
await writeScript("src/widget/script.ts", `${widgets}/w.js`, { compress, mangle: { properties: { regex: privately } } });
await writeScript("src/widget/banner.ts", `${widgets}/consent.js`, { compress, mangle: { properties: { regex: privately } } });
for (const [source, target] of [["src/index.ts", "dist/index.js"], ["src/widget/index.ts", "dist/widget/index.js"]]) {
  await build({ ...common, banner: { js: banner }, entryPoints: [source], format: "esm", outfile: target });
}
