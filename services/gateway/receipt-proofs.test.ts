import { expect, test } from 'vitest';
import { MAX_PROOF_LENGTH } from '#libs/protocol/limits.ts';
import { readGatewayConfig } from './config.ts';
import { createReceiptProofs, ReceiptProofs } from './receipt-proofs.ts';

const AUTH_SECRET = 'a secret of the unit tests, long enough for HS256';
const [OLD, NEW] = ['the old key of receipts, 32 bytes long', 'the new key of receipts, 32 bytes long'];

const create = (env: NodeJS.ProcessEnv) => {
  const warnings: unknown[] = [];
  const proofs = createReceiptProofs(readGatewayConfig(env), {
    warn: (text: unknown) => warnings.push(text),
  });
  return { proofs, warnings };
};

test('a proof is short, and right for its sender, id and receiver only', () => {
  const proofs = new ReceiptProofs([NEW]);
  const proof = proofs.prove('alice', 'm1', 'bob') ?? '';
  expect(proof).toMatch(/^[\w-]{22}$/);
  expect(proof.length).toBeLessThanOrEqual(MAX_PROOF_LENGTH);
  expect(proofs.verify('alice', 'm1', 'bob', proof)).toBe(true);
  expect(proofs.verify('alice', 'm1', 'carol', proof)).toBe(false);
  expect(proofs.verify('alice', 'm2', 'bob', proof)).toBe(false);
  expect(proofs.verify('alic', 'em1', 'bob', proof)).toBe(false);
  expect(new ReceiptProofs([OLD]).verify('alice', 'm1', 'bob', proof)).toBe(false);
});

test.each([
  ['nothing', ''],
  ['another letter', 'A'],
  ['too short', 'AAAA'],
  ['too long', 'A'.repeat(64)],
  ['no base64', '\u0000'.repeat(22)],
])('%s is no proof', (_what, text) => {
  const proofs = new ReceiptProofs([NEW]);
  expect(proofs.verify('alice', 'm1', 'bob', text)).toBe(false);
  expect(
    proofs.verify('alice', 'm1', 'bob', `${proofs.prove('alice', 'm1', 'bob') ?? ''}${text || '='}`),
  ).toBe(false);
});

test('of two texts for the same bytes only one is a proof', () => {
  const proofs = new ReceiptProofs([NEW]);
  const proof = proofs.prove('alice', 'm1', 'bob') ?? '';
  const others = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', (last) => {
    return proof.slice(0, -1) + last;
  });
  expect(others.filter((text) => proofs.verify('alice', 'm1', 'bob', text))).toEqual([proof]);
});

test('while a key is changed both are good, and the new one signs', () => {
  const before = create({ AUTH_SECRET, RECEIPT_SECRET: OLD }).proofs;
  const during = create({ AUTH_SECRET, RECEIPT_SECRET: NEW, RECEIPT_SECRET_PREVIOUS: OLD }).proofs;
  const after = create({ AUTH_SECRET, RECEIPT_SECRET: NEW }).proofs;
  const [old, fresh] = [before, during].map((proofs) => proofs.prove('alice', 'm1', 'bob') ?? '');
  expect([old, fresh].map((proof) => during.verify('alice', 'm1', 'bob', proof ?? ''))).toEqual([true, true]);
  expect([old, fresh].map((proof) => after.verify('alice', 'm1', 'bob', proof ?? ''))).toEqual([false, true]);
});

test('without a key of its own it comes from AUTH_SECRET, and is another one than that', () => {
  const one = create({ AUTH_SECRET });
  const proof = one.proofs.prove('alice', 'm1', 'bob') ?? '';
  expect(create({ AUTH_SECRET }).proofs.verify('alice', 'm1', 'bob', proof)).toBe(true);
  expect(
    create({ AUTH_SECRET, RECEIPT_SECRET: AUTH_SECRET }).proofs.verify('alice', 'm1', 'bob', proof),
  ).toBe(false);
  expect(one.warnings).toEqual([]);
});

test('without any key there are no proofs, none is right, and the operator is warned', () => {
  const { proofs, warnings } = create({ AUTH_JWKS_URL: 'https://auth.test/keys' });
  expect(proofs.prove('alice', 'm1', 'bob')).toBeUndefined();
  expect(proofs.verify('alice', 'm1', 'bob', 'A'.repeat(22))).toBe(false);
  expect(warnings).toHaveLength(1);
});
