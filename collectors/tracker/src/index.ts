/** The tracker as a module: `import { start } from "civicrec-tracker"`. */
export { start, type Civicrec } from "./start";
export type { Commands, Options } from "./tracker";
export type { Level } from "./consent";
