// Bundles the pages' styles, scripts and icons into dist/, each file named by its content, and lists them in
// dist/manifest.json: {"storefront.css": "storefront-ABCD1234.css", ...}.
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const fresh = join(here, "dist.new");
const kit = join(root, "platform/kameng/web/assets");

const entries = [
  join(root, "tenants/storefront/assets/storefront.css"),
  join(root, "tenants/storefront/assets/storefront.js"),
  join(root, "tenants/storefront/assets/look-market.css"),
  join(root, "tenants/storefront/assets/look-night.css"),
  join(root, "admin_ui/assets/console.css"),
  join(root, "admin_ui/assets/console.js"),
  join(root, "admin_ui/assets/charts.js"),
  join(kit, "theme.js"),
];

/** One SVG with a symbol for each icon that a list names; a page shows one by <use href="…#name">. */
async function sprite(list) {
  const names = (await readFile(list, "utf8")).split("\n").filter((line) => line && !line.startsWith("#"));
  const symbols = names.map(async (name) => {
    const svg = await readFile(join(here, "node_modules/@tabler/icons/icons/outline", `${name}.svg`), "utf8");
    const shapes = svg.slice(svg.indexOf(">") + 1, svg.lastIndexOf("</svg>")).replace(/\s*\n\s*/g, "");
    const drawn = shapes.replace(/<path stroke="none"[^>]*>/, "").replaceAll(" />", "/>");
    return `<symbol id="${name}" viewBox="0 0 24 24">${drawn}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${(await Promise.all(symbols)).join("")}</svg>`;
}

async function put(name, text) {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 8).toUpperCase();
  manifest[name] = name.replace(".", `-${hash}.`);
  await writeFile(join(fresh, manifest[name]), text);
}

const manifest = {};
await rm(fresh, { recursive: true, force: true });
await mkdir(fresh);

const { metafile } = await build({
  entryPoints: entries,
  outdir: fresh,
  entryNames: "[name]-[hash]",
  absWorkingDir: root,
  nodePaths: [join(here, "node_modules")],
  bundle: true,
  minify: true,
  metafile: true,
  format: "esm",
  target: ["es2020", "chrome87", "safari14"],
  legalComments: "none",
  logLevel: "warning",
});

for (const [file, { entryPoint }] of Object.entries(metafile.outputs)) manifest[basename(entryPoint)] = basename(file);

await put("icons.svg", await sprite(join(kit, "icons.txt")));
await put("icons-console.svg", await sprite(join(root, "admin_ui/assets/icons.txt")));
await put("favicon.svg", await readFile(join(kit, "favicon.svg"), "utf8"));
await writeFile(join(fresh, "manifest.json"), JSON.stringify(manifest, null, 2) + "\n");

await rm(join(here, "dist"), { recursive: true, force: true });
await rename(fresh, join(here, "dist"));
