// Draws <div data-chart='{ECharts option}'> or <div data-chart-url="/…json">. The option is plain JSON; what JSON
// cannot say is said beside it: data-chart-format="money" (values in cents), "count", "percent" or "ms".
import { BarChart, FunnelChart, HeatmapChart, LineChart, PieChart, ScatterChart } from "echarts/charts";
import {
  AriaComponent,
  DatasetComponent,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TooltipComponent,
  VisualMapComponent,
} from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([
  BarChart, FunnelChart, HeatmapChart, LineChart, PieChart, ScatterChart,
  AriaComponent, DatasetComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, VisualMapComponent,
  CanvasRenderer,
]);

const SERIES_LIGHT = ["#1f5fd6", "#b45309", "#0f766e", "#a21caf", "#4d7c0f", "#64748b"];
const SERIES_DARK = ["#7db4ff", "#f4b860", "#5eead4", "#f0abfc", "#bef264", "#a5b4c8"];
const drawn = new Map();
const chinese = document.documentElement.lang.startsWith("zh");

/** Draw `element`'s chart; it follows the element's size and the page's theme. */
export async function draw(element) {
  if (drawn.has(element)) return;
  drawn.set(element, null);
  const option = element.dataset.chart ? JSON.parse(element.dataset.chart) : await fetched(element);
  if (!option) return;
  element.dataset.chartReady = "yes";
  drawn.set(element, { option, chart: show(element, option) });
  new ResizeObserver(() => drawn.get(element)?.chart.resize()).observe(element);
}

async function fetched(element) {
  const answer = await fetch(element.dataset.chartUrl, { headers: { Accept: "application/json" } });
  if (answer.ok) return answer.json();
  element.dataset.chartReady = "failed";
  return null;
}

function show(element, option) {
  const chart = init(element, themed());
  chart.setOption(dressed(option, element));
  return chart;
}

document.addEventListener("theme", () => {
  for (const [element, entry] of drawn) {
    if (!entry) continue;
    entry.chart.dispose();
    if (element.isConnected) entry.chart = show(element, entry.option);
    else drawn.delete(element);
  }
});

document.addEventListener("htmx:beforeSwap", () => {
  for (const [element, entry] of drawn) {
    if (element.isConnected) continue;
    entry?.chart.dispose();
    drawn.delete(element);
  }
});

function themed() {
  const css = getComputedStyle(document.documentElement);
  const token = (name) => css.getPropertyValue(name).trim();
  const ink = token("--ink");
  const quiet = token("--ink-2");
  const line = token("--line");
  const dark = document.documentElement.dataset.bsTheme === "dark";
  const axis = {
    axisLine: { lineStyle: { color: line } },
    axisTick: { show: false },
    axisLabel: { color: quiet, hideOverlap: true },
    splitLine: { lineStyle: { color: line } },
    nameTextStyle: { color: quiet },
  };
  return {
    color: dark ? SERIES_DARK : SERIES_LIGHT,
    backgroundColor: "transparent",
    textStyle: { fontFamily: token("--font"), color: ink },
    categoryAxis: { ...axis, splitLine: { show: false } },
    valueAxis: { ...axis, axisLine: { show: false } },
    timeAxis: { ...axis, splitLine: { show: false } },
    legend: { textStyle: { color: quiet }, inactiveColor: line, pageTextStyle: { color: quiet }, pageIconColor: ink, pageIconInactiveColor: line },
    // Text drawn on the canvas: an HTML tooltip would need style attributes, which the page's policy refuses.
    tooltip: {
      renderMode: "richText",
      confine: true,
      backgroundColor: token("--surface"),
      borderColor: line,
      textStyle: { color: ink },
      axisPointer: { lineStyle: { color: quiet }, crossStyle: { color: quiet } },
    },
    line: { symbol: "circle", symbolSize: 5, lineStyle: { width: 2 } },
    bar: { itemStyle: { borderRadius: [3, 3, 0, 0] }, barMaxWidth: 36 },
    pie: { label: { color: ink }, itemStyle: { borderColor: token("--surface"), borderWidth: 2 } },
  };
}

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** `option` with what every chart here has, where it does not say otherwise. */
function dressed(option, element) {
  const format = FORMATS[element.dataset.chartFormat] ?? FORMATS.count;
  const round = [option.series ?? []].flat().every(({ type }) => type === "pie" || type === "funnel");
  const several = [option.series ?? []].flat().length > 1;
  const full = {
    animation: !still.matches,
    animationDuration: 250,
    aria: { enabled: true },
    ...option,
    tooltip: { trigger: round ? "item" : "axis", valueFormatter: format.exact, ...option.tooltip },
  };
  if (several || round) full.legend = { type: "scroll", top: 0, left: 0, right: 0, itemHeight: 8, itemWidth: 16, ...option.legend };
  if (!round) {
    full.grid = { top: several ? 36 : 12, right: 12, bottom: 4, left: 4, containLabel: true, ...option.grid };
    full.xAxis = [option.xAxis ?? {}].flat().map((one) => withNames(one, element.clientWidth));
    full.yAxis = [option.yAxis ?? {}].flat().map((one) => withLabels(one, format));
  }
  return full;
}

/** Few names are all shown, each in its share of the width. */
function withNames(axis, width) {
  if (axis.type !== "category" || !(axis.data?.length <= 7)) return axis;
  const share = Math.floor((width - 56) / axis.data.length) - 6;
  return { ...axis, axisLabel: { interval: 0, hideOverlap: false, width: share, overflow: "break", ...axis.axisLabel } };
}

function withLabels(axis, format) {
  if (axis.type === "category") return axis;
  return { type: "value", splitNumber: 4, ...axis, axisLabel: { formatter: format.short, ...axis.axisLabel } };
}

const whole = new Intl.NumberFormat(chinese ? "zh-CN" : "en", { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat(chinese ? "zh-CN" : "en", { notation: "compact", maximumFractionDigits: 1 });
const yuan = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const blank = (say) => (value) => (value === null || value === undefined || value === "-" ? "–" : say(value));

const FORMATS = {
  money: { exact: blank((cents) => `¥${yuan.format(cents / 100)}`), short: (cents) => `¥${compact.format(cents / 100)}` },
  count: { exact: blank((value) => whole.format(value)), short: (value) => compact.format(value) },
  percent: { exact: blank((value) => `${whole.format(value)}%`), short: (value) => `${whole.format(value)}%` },
  ms: { exact: blank((value) => `${whole.format(value)} ms`), short: (value) => `${compact.format(value)} ms` },
};
