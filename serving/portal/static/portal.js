/* Beginning to apply is the portal's own event: only the page knows which link does it. */
document.addEventListener("click", (event) => {
  const start = event.target.closest("[data-civicrec-start]");
  if (start && window.civicrec) {
    window.civicrec("event", "service_start", { item_id: start.dataset.civicrecStart, item_type: "service" });
  }
});
