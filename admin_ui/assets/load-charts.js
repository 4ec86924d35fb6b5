// ECharts is ten times the rest, so it comes only to pages that have a chart.
import { each } from "../../platform/kameng/web/assets/page.js";

const address = document.querySelector('meta[name="kameng-charts"]')?.content;
let charts = null;

each("[data-chart], [data-chart-url]", async (element) => {
  charts ??= import(address);
  (await charts).draw(element);
});
