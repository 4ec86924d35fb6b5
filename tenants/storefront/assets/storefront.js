// The buyer's pages. Each part is small and optional: the pages are forms and links that work without it.
import "htmx.org";
import "../../../platform/kameng/web/assets/page.js";
import "../../../platform/kameng/web/assets/busy.js";
import "../../../platform/kameng/web/assets/confirm.js";
import "../../../platform/kameng/web/assets/copy.js";
import "../../../platform/kameng/web/assets/countdown.js";
import "../../../platform/kameng/web/assets/guard.js";
import "../../../platform/kameng/web/assets/live.js";
import "../../../platform/kameng/web/assets/stepper.js";
