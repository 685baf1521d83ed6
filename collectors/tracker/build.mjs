// Writes ../static/c.js, the script of the tag, and dist/index.js, the ES module, from the same source.
import { writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { minify } from "terser";

// Chromium 49, which the oldest web views of the country are made of, reads ES2015.
const common = { bundle: true, minify: true, target: "es2015", charset: "utf8", legalComments: "none", logLevel: "warning" };
const banner = "/* civicrec, Apache-2.0 */";
// Methods that only our own files call. Terser leaves alone what a browser has under the same name.
const own = /^(standing|answer|takeLost|lose|drop|ids|added|leave|setToken|sent|found|handOver)$/;

// Nothing of ours reads a property for its effect, builds with a function, or asks whether something is `true` itself.
const compress = {
  passes: 3, inline: 1, hoist_funs: true, module: true, unsafe_arrows: true, pure_getters: true, booleans_as_integers: true,
};

const { outputFiles: [script] } = await build({ ...common, entryPoints: ["src/script.ts"], format: "iife", write: false });
const { code } = await minify(script.text, {
  ecma: 2015, compress, mangle: { properties: { regex: own } }, format: { preamble: banner },
});
await writeFile(process.argv[2] ?? "../static/c.js", `${code}\n`);
await build({ ...common, banner: { js: banner }, entryPoints: ["src/index.ts"], format: "esm", outfile: "dist/index.js" });
