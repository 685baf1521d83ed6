import { listen, safely } from "./safely";
import { track, type Commands, type Options } from "./tracker";

type Arguments<K extends keyof Commands> = Parameters<Commands[K]>;

/** Give a command to the tracker, now or as soon as it runs; it never throws. */
export type Civicrec = <K extends keyof Commands>(name: K, ...args: Arguments<K>) => ReturnType<Commands[K]> | undefined;

let running: Civicrec | undefined;

/** Start the tracker once the document is there. A page has one: later calls return the first. */
export function start(options: Options): Civicrec {
  if (running) return running;
  let commands: Commands | undefined;
  const early: (() => void)[] = [];
  const civicrec: Civicrec = (name, ...args) => {
    type Command = (...given: unknown[]) => ReturnType<Commands[typeof name]>;
    const run = safely(() => (commands![name] as Command)(...args));
    if (commands) return run();
    early.push(run);
    return undefined;
  };
  const begin = safely(() => {
    if (commands) return;
    commands = track(options);
    early.forEach((run) => run());
  });
  if (document.readyState === "loading") listen("DOMContentLoaded", begin);
  else begin();
  return (running = civicrec);
}
