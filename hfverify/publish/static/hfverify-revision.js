/* The switch keeps the place on the page, and `?rev=` in the address of a page leads to its revision. */
(() => {
  "use strict";
  const links = document.querySelectorAll(".hf-switch a[data-revision]");
  const wanted = new URLSearchParams(window.location.search).get("rev");
  for (const link of links) {
    if (link.dataset.revision === wanted) window.location.replace(link.href + window.location.hash);
    link.addEventListener("click", () => { link.hash = window.location.hash; });
  }
})();
