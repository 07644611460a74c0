/** Make the bell's style sheet when it is first asked for: no content security policy refuses a constructed sheet. */

const CSS = `
:host {
  --surface: #ffffff; --line: #d8dce3; --text: #1f2937; --soft: #555f6e; --primary: #1351b4;
  --unread: #eef4ff; --good: #126b1c; --warn: #8a5a00; --bad: #b3261e; --on-bad: #ffffff;
  color: var(--text); display: inline-block; font: 1rem/1.4 system-ui, sans-serif; position: relative;
}
@media (prefers-color-scheme: dark) {
  :host {
    --surface: #18202b; --line: #2d3847; --text: #e6eaf0; --soft: #a5afbd; --primary: #7fb0ff;
    --unread: #1c2b44; --good: #6fd47b; --warn: #f2c265; --bad: #ff8f85; --on-bad: #10151d;
  }
}
:host([hidden]), [hidden] { display: none !important; }
a { color: var(--primary); }
:focus-visible { outline: 3px solid var(--primary); outline-offset: 2px; }
.bell {
  background: var(--surface); border: 1px solid var(--line); border-radius: 8px; color: inherit; cursor: pointer;
  font: inherit; min-height: 2.75rem; min-width: 2.75rem; padding: 0.5rem; position: relative;
}
.bell svg { display: block; height: 1.5rem; margin: auto; width: 1.5rem; }
.count {
  background: var(--bad); border-radius: 999px; color: var(--on-bad); font-size: 0.75rem; font-weight: 600;
  min-width: 1.25rem; padding: 0 0.3rem; position: absolute; right: -0.4rem; top: -0.4rem;
}
.dot {
  background: var(--soft); border: 2px solid var(--surface); border-radius: 50%; bottom: 0.2rem; height: 0.75rem;
  position: absolute; right: 0.2rem; box-sizing: border-box; width: 0.75rem;
}
.dot[data-status="ably"], .dot[data-status="sse"] { background: var(--good); }
.dot[data-status="standby"], .dot[data-status="polling"] { background: var(--warn); }
.dot[data-status="offline"] { background: var(--bad); }
.panel {
  background: var(--surface); border: 1px solid var(--line); border-radius: 8px; box-shadow: 0 6px 24px rgb(0 0 0 / 0.2);
  margin-top: 0.4rem; max-width: calc(100vw - 2rem); position: absolute; right: 0; width: 22rem; z-index: 1000;
}
:host([align="start"]) .panel { left: 0; right: auto; }
ul { list-style: none; margin: 0; max-height: 60vh; overflow-y: auto; padding: 0; }
li { border-bottom: 1px solid var(--line); }
li a { color: inherit; display: block; padding: 0.6rem 0.9rem; text-decoration: none; }
li a:hover .title { text-decoration: underline; }
li a:focus-visible { outline-offset: -3px; }
li.unread { background: var(--unread); }
li.unread .title { font-weight: 600; }
.title { display: block; overflow-wrap: anywhere; }
.empty, .when, .state { color: var(--soft); font-size: 0.85rem; }
.empty { margin: 0; padding: 1rem 0.9rem; }
.foot { align-items: baseline; display: flex; gap: 1rem; justify-content: space-between; padding: 0.6rem 0.9rem; }
.aside { clip-path: inset(50%); height: 1px; overflow: hidden; position: absolute; white-space: nowrap; width: 1px; }
`;

/** @type {CSSStyleSheet | undefined} */
let sheet;

export function styleSheet() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}
