/** What elements of the page say of themselves, in `data-civicrec-…` attributes. */
export type Fields = Record<string, unknown>;

export const ITEM = "[data-civicrec-item]";

export function fieldsOf(element: HTMLElement): Fields {
  const d = element.dataset;
  const position = parseInt(d.civicrecPosition ?? "", 10);
  return {
    item_id: d.civicrecItem,
    item_type: d.civicrecType,
    scene: d.civicrecScene,
    slot: d.civicrecSlot,
    position: position >= 0 ? position : undefined,
    request_id: d.civicrecRequest,
    variant: d.civicrecVariant,
    campaign_id: d.civicrecCampaign,
  };
}

/** The item that the page as a whole is about. */
export function pageItem(): Fields {
  const d = document.querySelector<HTMLElement>("[data-civicrec-page-item]")?.dataset;
  return d ? { item_id: d.civicrecPageItem, item_type: d.civicrecPageType } : {};
}

/** The item an element is part of, else the page's. */
export function itemAround(element: Element): Fields {
  const marked = element.closest<HTMLElement>(ITEM);
  return marked ? { item_id: marked.dataset.civicrecItem, item_type: marked.dataset.civicrecType } : pageItem();
}
