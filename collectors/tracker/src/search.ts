import { mark, type Fields } from "./marks";
import { find } from "./page";
import { words } from "./text";

type PutSearch = (kind: "search", fields: Fields) => void;

/**
 * Tell what was searched on the site itself.
 *
 * @param parameters Names of the query parameters of a results page, separated by commas.
 * @returns `found`: look at the address of the page that is shown now; `sent`: a form was sent.
 */
export function search(parameters: string, put: PutSearch): { found(): void; sent(form: HTMLFormElement): void } {
  const names = parameters.split(",");

  const tell = (query: string): void => {
    const results = mark(find("[data-civicrec-results]"), "results");
    if (query) put("search", { query, props: { result_count: results && +results } });
  };

  return {
    found() {
      location.search.replace(/[?&]([^&=]+)=([^&]*)/g, (_, name: string, value: string) => {
        if (names.indexOf(words(name)) >= 0) tell(words(value).trim());
        return "";
      });
    },
    sent(form) {
      // `data-civicrec-search` names the one field of the form that holds the words.
      const field = mark(form, "search");
      // Words that will stand in the address are told by the page of results.
      if (field && names.indexOf(field) < 0) tell(`${new FormData(form).get(field) || ""}`);
    },
  };
}
