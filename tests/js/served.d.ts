/** Declare what Django serves beside the page's modules, from where npm puts it. */
declare module "*/eventsource-parser/index.js" {
  export * from "eventsource-parser";
}

declare module "*/uplot/uPlot.esm.js" {
  const uPlot: any;
  export default uPlot;
}
