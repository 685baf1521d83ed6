/** Where lists come from, and for whom: what the tag of the widget says, and what the tracker says of the visitor. */
import type { Civicrec } from "../start";

export interface Options {
  /** Address of the list server, without `/v1/…`. */
  endpoint: string;
  site?: string;
  /** Address of an item's page for items that bring none: `/items/{id}`, also with `{type}`. */
  link?: string;
  /** Address of the page that says how recommendations are made. */
  about?: string;
  /** Address of the page on which visitors switch personalisation off for their account, and see and delete tags. */
  settings?: string;
  /** Subject token of a visitor who is logged in, asked for with each list. */
  token?: () => string | undefined;
  /** The tracker, where it is no script tag. */
  tracker?: Civicrec;
}

/** The tracker of the page; without one nothing is known of the visitor. */
export function tracker(options: Options): Civicrec | undefined {
  return options.tracker || (window.civicrec as Civicrec | undefined);
}

/** What holds for the visitor; `none` for a page without a tracker too. */
export const consent = (options: Options): string => {
  const ask = tracker(options);
  return (ask && ask("consent")) || "none";
};

/** Whether the visitor agreed to recommendations of their own. */
export const isPersonal = (options: Options): boolean => consent(options) === "personalise";

/** Who asks: nobody in particular, unless the visitor agreed to personalised lists. */
export function visitor(options: Options): { anonymous_id: string; subject_token: string } {
  const agreed = isPersonal(options);
  return {
    anonymous_id: (agreed && tracker(options)!("id")) || "",
    subject_token: (agreed && options.token && options.token()) || "",
  };
}
