/* Exact hits, shown above what Sphinx finds: numbers, signs, dotted names and codes that a word splitter loses. */
(() => {
  "use strict";
  const asked = (new URLSearchParams(window.location.search).get("q") || "").trim();
  const results = document.getElementById("search-results");
  if (!results || !asked) return;
  const root = document.documentElement.dataset.content_root || "./";

  const show = () => {
    const terms = window.hfverifyTerms || {};
    const hits = terms[asked.toLowerCase()] || [];
    if (!hits.length) return;
    const box = document.createElement("section");
    box.className = "hf-hits";
    box.setAttribute("aria-label", "Exact hits");
    const head = document.createElement("p");
    head.textContent = `Exactly “${asked}”:`;
    const list = document.createElement("ul");
    for (const [name, kind, uri] of hits) {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = root + uri;
      link.textContent = name;
      item.append(link, ` ${kind}`);
      list.append(item);
    }
    box.append(head, list);
    results.before(box);
  };

  const script = document.createElement("script");
  script.src = `${root}_static/hfverify-terms.js`;
  script.onload = show;
  document.head.append(script);
})();
