// [data-countdown-to="2026-11-22T14:30:00Z"] shows mm:ss until then. data-now, the server's time when it drew
// the page, corrects a phone whose clock is wrong. At zero it says data-countdown-over and fires "countdown-over".
import { each } from "./page.js";

each("[data-countdown-to]", (element) => {
  const { countdownTo, now } = element.dataset;
  const ahead = now ? Date.parse(now) - Date.now() : 0;
  const end = Date.parse(countdownTo) - ahead;

  function tick() {
    if (!element.isConnected) return clearInterval(timer);
    const left_s = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    if (left_s) {
      element.textContent = clock(left_s);
      element.classList.toggle("is-short", left_s <= 60);
      return;
    }
    clearInterval(timer);
    element.textContent = element.dataset.countdownOver || clock(0);
    element.dispatchEvent(new CustomEvent("countdown-over", { bubbles: true }));
  }

  const timer = setInterval(tick, 1000);
  tick();
});

function clock(left_s) {
  const hours = Math.floor(left_s / 3600);
  const rest = [Math.floor(left_s / 60) % 60, left_s % 60];
  return (hours ? [hours, ...rest] : rest).map((part) => String(part).padStart(2, "0")).join(":");
}
