/**
 * Define the shapes that cross the wire, as docs/contract.md has them, and the client's own types. Types alone.
 *
 * @typedef {{
 *   name: string, head: number, since: number, key: string?, key_epoch: number?, old_keys?: string[],
 * }} Channel one that the person may subscribe to; keys only for those on Ably
 * @typedef {{id: string, key: string}} SigningKey a public key of the server's, Ed25519, in base64
 * @typedef {{
 *   endpoint: string?, port: number, tls: boolean, client_id: string, signing_keys: SigningKey[],
 * }} AblyAddress
 * @typedef {{
 *   person: string, login: string, transport: "sse" | "ably", reason?: string?, position: string, channels: Channel[],
 *   unread: number, ably: AblyAddress?, stream: string,
 * }} Session
 *
 * @typedef {{
 *   id: string, event_id: string, seq: number, prev_seq: number, channel: string, kind: string, priority: string,
 *   title: string, message: string, link: string?, data: object, created_at: string, expires_at: string?,
 * }} Row one notification, on every path
 * @typedef {Row & {read: boolean, archived: boolean, acknowledged: boolean}} InboxRow
 * @typedef {Row & Partial<InboxRow>} News a row on any path: what has just come is unread
 * @typedef {{results: InboxRow[], next: string?, previous: string?}} Inbox
 * @typedef {{results: InboxRow[], complete_to: string, more: boolean}} Page what catch-up brings
 * @typedef {{unread: number}} Counts
 * @typedef {Counts & {marked: number, undo: string}} Marked how many were marked at once, and the word that undoes it
 *
 * @typedef {{id: string, transport: Path, held_ms: number}} Delivery
 * @typedef {"ably" | "sse" | "standby" | "rest" | "unable"} Path how a row came; unable: by SSE, as the browser cannot verify
 * @typedef {"live" | "standby"} LaneName
 * @typedef {"ably" | "standby" | "sse" | "polling" | "connecting" | "offline"} Status
 * @typedef {{since: number, name: string, head: number, at: number}} Fact the channel has no row in (head, at]
 *
 * @typedef {{
 *   notification: (row: Row | InboxRow) => void, // each event once
 *   counts: (unread: number) => void, // absolute
 *   status: (status: Status) => void, // when it changes
 *   reset: (inbox: Inbox) => void, // the list anew
 *   signedOut: () => void, // nothing comes any more
 * }} Handlers what a page gives to its client
 */

export {};
