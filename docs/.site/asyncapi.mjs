/** Hold docs/api/asyncapi.yaml against the specification, by its official parser: any finding is an error. */

import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const FILE = "docs/api/asyncapi.yaml";
const NOTHING_ELSE_TO_SAY = ["asyncapi-latest-version"]; // that there is a newer version of the specification

const { diagnostics } = await new Parser().parse(await readFile(FILE, "utf8"));
const found = diagnostics.filter(({ code }) => !NOTHING_ELSE_TO_SAY.includes(String(code)));
for (const { range, code, message } of found) console.error(`${FILE}:${range.start.line + 1}: ${code}: ${message}`);
process.exitCode = found.length ? 1 : 0;
