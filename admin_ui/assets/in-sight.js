// What is chosen in a row or list that scrolls stands in sight: a tab on a phone, an entry of a long navigation.
function bringIntoSight(root) {
  root.querySelectorAll(".chips [aria-current], .side-nav [aria-current]").forEach((chosen) => {
    const row = chosen.parentElement;
    const place = chosen.getBoundingClientRect();
    const frame = row.getBoundingClientRect();
    row.scrollLeft += place.left + place.width / 2 - (frame.left + frame.width / 2);
    if (place.bottom > frame.bottom || place.top < frame.top) row.scrollTop += place.top - frame.top - frame.height / 2;
  });
}

bringIntoSight(document);
document.addEventListener("htmx:afterSettle", () => bringIntoSight(document));
