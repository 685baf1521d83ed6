import { listen, safely } from "./safely";
import { track, type Commands, type Options } from "./tracker";

type Arguments<K extends keyof Commands> = Parameters<Commands[K]>;

/** Give a command to the tracker, now or as soon as it runs; it never throws. */
export type Civicrec = <K extends keyof Commands>(name: K, ...args: Arguments<K>) => ReturnType<Commands[K]> | undefined;

let running: Civicrec | undefined;

/**
 * Start the tracker once the document is there. A page has one: later calls return the first.
 *
 * @param early Commands given before, each with its arguments.
 */
export function start(options: Options, early: unknown[][] = []): Civicrec {
  if (running) return running;
  let commands: Record<string, (...given: unknown[]) => unknown> | undefined;
  running = safely((name: string, ...given: unknown[]) =>
    (commands ? commands[name]!(...given) : void early.push([name, ...given]))) as Civicrec;
  const begin = safely(() => {
    if (commands) return;
    commands = track(options) as unknown as typeof commands;
    early.forEach((call) => (running as (...call: unknown[]) => unknown)(...call));
  });
  if (document.readyState === "loading") listen("DOMContentLoaded", begin);
  else begin();
  return running;
}
