import type { Shelf } from "./shelf";

export type Level = "none" | "measure" | "personalise";
/** `wait`: the visitor has not answered yet. */
export type Standing = Level | "wait";

const ORDER = ["wait", "none", "measure", "personalise"];
export const rank = (standing: string): number => ORDER.indexOf(standing);
export const isLevel = (value: unknown): value is Level => rank(value as string) > 0;

interface Signals {
  globalPrivacyControl?: boolean;
  doNotTrack?: string | null;
}

export interface Consent {
  /** What holds now. Read anew each time, so that an answer given in another tab counts here at once. */
  standing(): Standing;
  answer(level: Level): void;
}

/**
 * @param stated What the page says: a level, `wait`, or nothing. A word we do not know means no.
 *
 * The page's level and the visitor's stored answer both bind: the lower of the two holds. Where the page leaves it
 * to the visitor (`wait`, or nothing) the answer alone holds; before it, `wait` waits and nothing means `measure`.
 */
export function consent(stated: string | undefined, answers: Shelf): Consent {
  return {
    standing() {
      const { globalPrivacyControl, doNotTrack } = navigator as Signals;
      if (globalPrivacyControl || doNotTrack === "1" || (stated && rank(stated) < 0)) return "none";
      const given = [stated, answers.get("consent")].filter(isLevel).sort((one, other) => rank(one) - rank(other));
      return given[0] || (stated as "wait") || "measure";
    },
    answer: (level) => answers.set("consent", level),
  };
}
