import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { Logger } from '#libs/runtime/logger.ts';
import type { GatewayConfig } from './config.ts';

/** Of the digest: 22 characters as text. No one finds a forgery of 128 bits by trying. */
const PROOF_BYTES = 16;
const KEY_BYTES = 32;

/**
 * Proves that a message was handed to a user (PROTOCOL: read), so that the servers keep no state for read receipts: a
 * keyed digest of sender, id and receiver. The first key signs, all of them verify.
 */
export class ReceiptProofs {
  readonly #keys: readonly (string | Buffer)[];

  constructor(keys: readonly (string | Buffer)[]) {
    this.#keys = keys;
  }

  /** @returns undefined when there is no key */
  prove(from: string, id: string, to: string): string | undefined {
    const [key] = this.#keys;
    return key === undefined ? undefined : digest(key, from, id, to).toString('base64url');
  }

  verify(from: string, id: string, to: string, proof: string): boolean {
    const given = Buffer.from(proof, 'base64url');
    // Of two texts for the same bytes only the one that was handed out counts.
    if (given.length !== PROOF_BYTES || given.toString('base64url') !== proof) return false;
    return this.#keys.some((key) => timingSafeEqual(digest(key, from, id, to), given));
  }
}

const digest = (key: string | Buffer, ...names: string[]) =>
  createHmac('sha256', key).update(JSON.stringify(names)).digest().subarray(0, PROOF_BYTES);

/** Keys as set; without RECEIPT_SECRET one that is derived from AUTH_SECRET; with neither, nobody can confirm reading. */
export function createReceiptProofs(config: GatewayConfig, log: Pick<Logger, 'warn'>): ReceiptProofs {
  const { RECEIPT_SECRET, RECEIPT_SECRET_PREVIOUS, AUTH_SECRET } = config;
  const set = [RECEIPT_SECRET, RECEIPT_SECRET_PREVIOUS].filter((key) => key !== undefined);
  if (RECEIPT_SECRET !== undefined) return new ReceiptProofs(set);
  if (AUTH_SECRET)
    return new ReceiptProofs([
      Buffer.from(hkdfSync('sha256', AUTH_SECRET, '', 'sixfold read receipts', KEY_BYTES)),
      ...set,
    ]);
  log.warn('RECEIPT_SECRET is not set: senders get no read receipts');
  return new ReceiptProofs([]);
}
