import { safely } from "./safely";
import { track, type Commands, type Options } from "./tracker";

type Arguments<K extends keyof Commands> = Parameters<Commands[K]>;

/** Give a command to the tracker, now or as soon as it runs; it never throws. */
export type Civicrec = <K extends keyof Commands>(name: K, ...args: Arguments<K>) => ReturnType<Commands[K]> | undefined;

interface PrerenderingDocument extends Document {
  prerendering?: boolean;
}

let running: Civicrec | undefined;

/** Start the tracker once the document is there and is really shown. A page has one: later calls return the first. */
export function start(options: Options): Civicrec {
  if (running) return running;
  let commands: Commands | undefined;
  const early: (() => void)[] = [];
  const civicrec: Civicrec = (name, ...args) => {
    type Command = (...given: unknown[]) => ReturnType<Commands[typeof name]>;
    const run = safely(() => (commands?.[name] as Command | undefined)?.(...args));
    if (commands) return run();
    early.push(run);
    return undefined;
  };
  const begin = safely(() => {
    if ((document as PrerenderingDocument).prerendering) {
      document.addEventListener("prerenderingchange", begin, { once: true });
      return;
    }
    commands = track(options);
    early.forEach((run) => run());
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin, { once: true });
  else begin();
  return (running = civicrec);
}
