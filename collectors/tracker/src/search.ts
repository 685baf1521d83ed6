import type { Fields } from "./marks";
import { listen } from "./safely";

type PutSearch = (kind: "search", fields: Fields) => void;

/**
 * Tell what was searched on the site itself.
 *
 * @param parameters Names of the query parameters of a results page, separated by commas.
 * @returns `arrived`: look at the address of the page that is shown now.
 */
export function search(parameters: string, put: PutSearch): { arrived(): void } {
  const names = parameters.split(",").filter(Boolean);

  const tell = (words: string | null | undefined): void => {
    const query = words?.trim().slice(0, 200);
    const results = document.querySelector<HTMLElement>("[data-civicrec-results]")?.dataset.civicrecResults;
    if (query) put("search", { query, props: { result_count: results ? Number(results) : undefined } });
  };

  // The attribute names the one field of the form that holds the words.
  listen(window, "submit", (event) => {
    const form = event.target as HTMLFormElement;
    const field = form.dataset.civicrecSearch;
    // Words that will stand in the address are told by the page of results.
    if (field && !names.includes(field)) tell(new FormData(form).get(field) as string);
  }, true);

  return {
    arrived() {
      const asked = new URLSearchParams(location.search);
      names.forEach((name) => tell(asked.get(name)));
    },
  };
}
