"use strict";
// The bar at the top follows the page: it marks the part that is read. What is folded is unfolded to be printed, and where
// a link leads to.
{
  const links = new Map();
  for (const link of document.querySelectorAll("nav.bar a[href^='#']")) links.set(link.hash.slice(1), link);
  const parts = [...links.keys()].map(id => document.getElementById(id)).filter(Boolean);
  const follow = () => {
    const read = parts.filter(part => part.getBoundingClientRect().top < innerHeight / 3).pop() || parts[0];
    for (const [id, link] of links) {
      if (read && id === read.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  document.addEventListener("scroll", follow, { passive: true });
  follow();
  const unfold = element => {
    for (let one = element; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  };
  const unfoldTarget = () => { const found = document.getElementById(location.hash.slice(1)); if (found) unfold(found); };
  addEventListener("hashchange", unfoldTarget);
  unfoldTarget();
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const one of folded) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of folded) one.open = false; });
}
