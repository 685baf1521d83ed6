// Writes ../static/c.js, the script of the tag, and dist/index.js, the ES module, from the same source.
import { build } from "esbuild";

const common = { bundle: true, minify: true, target: "es2020", charset: "utf8", legalComments: "none", logLevel: "warning" };
const banner = { js: "/* civicrec tracker, Apache-2.0. Source: collectors/tracker; what it does: docs/tracker.md */" };
await build({ ...common, banner, entryPoints: ["src/script.ts"], format: "iife", outfile: process.argv[2] ?? "../static/c.js" });
await build({ ...common, banner, entryPoints: ["src/index.ts"], format: "esm", outfile: "dist/index.js" });
