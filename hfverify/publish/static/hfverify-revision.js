/* The switch keeps the place on the page; `?rev=` in an address leads to that revision, a retired name to what it is. */
(() => {
  "use strict";
  const links = document.querySelectorAll(".hf-switch a[data-revision]");
  const wanted = new URLSearchParams(window.location.search).get("rev");
  for (const link of links) {
    if (link.dataset.revision === wanted) window.location.replace(link.href + window.location.hash);
    link.addEventListener("click", () => { link.hash = window.location.hash; });
  }
  const moved = document.querySelector(".hf-moved a");
  if (moved) window.location.replace(moved.href.split("#")[0] + window.location.hash);
})();
