import type { LoginA } from '../../protocol/packets.ts';

/** A session, as login:A told it. */
export type Session = Omit<LoginA, 'type'>;

/**
 * The state of the connection:
 * - `connecting`: connects and logs in
 * - `online`: there is a session
 * - `waiting`: pauses before the next try
 * - `closed`: by the caller or finally by the server; only reconnect() leads out of it, and not after close()
 *
 * Transitions:
 *
 *     connecting ── login:A ─────────────────────────────────────────────▶ online
 *     connecting ── no token (failed, nonsense, no answer in time),
 *                   no WebSocket, not reached, login unanswered, closed ─▶ waiting
 *     online ────── closed, silent (half open), send failed ────────────▶ waiting
 *     online ────── closed or silent after reconnect() ─────────────────▶ connecting
 *     online ────── bye draining: as it is, until the gateway closes ───▶ waiting, or the time it gave is over ─▶ connecting
 *     waiting ───── pause over, reconnect(), the computer has slept ────▶ connecting
 *     any ───────── final close (4400 to 4449 but 4408, 4413, 4429; 4401 see ClosePolicy),
 *                   bye replaced, close(), halt() ──────────────────────▶ closed
 *     closed ────── resume(): the storage is opened again ──────────────▶ connecting
 *     closed ────── reconnect(), but not after close() ─────────────────▶ connecting
 */
export type Status =
  | { readonly state: 'connecting'; readonly url: string }
  | { readonly state: 'online'; readonly url: string; readonly session: Session }
  | { readonly state: 'waiting'; readonly retryInMs: number; readonly reason: string; readonly code?: number }
  | { readonly state: 'closed'; readonly reason: string; readonly code?: number };
