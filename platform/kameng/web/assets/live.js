// [data-live-url] is drawn anew, from data-refresh-url, whenever the server's event stream says "changed". Where
// the stream breaks it asks every 2 s instead. An element that carries data-final needs neither.
import htmx from "htmx.org";
import { each } from "./page.js";

const POLL_MS = 2000;
const SLOW_POLL_MS = 10000;
const PATIENCE_MS = 300000;
const followed = new Map();

each("[data-live-url]:not([data-final])", ({ dataset }) => {
  if (!followed.has(dataset.liveUrl)) followed.set(dataset.liveUrl, follow(dataset.liveUrl));
});

async function drawAnew(old) {
  try {
    const select = `#${CSS.escape(old.id)}`; // the answer may be this element, or a whole page that has it
    await htmx.ajax("GET", old.dataset.refreshUrl, { target: old, source: old, swap: "outerHTML", select });
  } catch (failed) {
    console.debug("refresh failed, the next event or poll tries again", failed);
  }
}

function follow(url) {
  const began = Date.now();
  const source = new EventSource(url);
  let timer = 0;
  let asking = false;
  let missed = false;

  const element = () => document.querySelector(`[data-live-url="${CSS.escape(url)}"]`);

  function stop() {
    source.close();
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
    followed.delete(url);
  }

  async function refresh() {
    if (asking) return void (missed = true);
    asking = true;
    const old = element();
    if (old) await drawAnew(old);
    asking = false;
    const fresh = element();
    if (!fresh || fresh.hasAttribute("data-final")) return stop();
    if (missed) {
      missed = false;
      return refresh();
    }
  }

  async function poll() {
    timer = 0;
    await refresh();
    if (followed.has(url) && source.readyState !== EventSource.OPEN) again();
  }

  function again() {
    timer ||= setTimeout(poll, Date.now() - began < PATIENCE_MS ? POLL_MS : SLOW_POLL_MS);
  }

  function seen() {
    if (!document.hidden) refresh();
  }

  source.addEventListener("changed", refresh);
  source.addEventListener("open", () => {
    clearTimeout(timer);
    timer = 0;
  });
  source.addEventListener("error", again);
  document.addEventListener("visibilitychange", seen);
  return source;
}
