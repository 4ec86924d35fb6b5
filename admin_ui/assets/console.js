// The consoles of the master and of the stations.
import "htmx.org";
import "../../platform/kameng/web/assets/page.js";
import "../../platform/kameng/web/assets/busy.js";
import "../../platform/kameng/web/assets/confirm.js";
import "../../platform/kameng/web/assets/copy.js";
import "../../platform/kameng/web/assets/countdown.js";
import "../../platform/kameng/web/assets/guard.js";
import "../../platform/kameng/web/assets/live.js";
import "./bulk.js";
import "./drawer.js";
import "./in-sight.js";
import "./keys.js";
import "./load-charts.js";
import "./look.js";
import "./only-for.js";
import "./rows.js";
