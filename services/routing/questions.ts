import type { Delivery } from '#libs/broker/delivery.ts';
import type { Answer, Question } from '#libs/broker/entries.ts';
import type { RelayContext } from '#libs/relay/receipts.ts';
import { findDevices } from '#libs/store/devices.ts';
import { findPresentDevices } from '#libs/store/present-devices.ts';
import { areRevoked } from '#libs/store/revocations.ts';
import { type ItemOf, select } from './select.ts';

type QuestionItem = ItemOf<Question['kind']>;
type Context = Pick<RelayContext, 'db' | 'gatewaySender' | 'leaseMs'>;

/** Answers what gateways ask on behalf of requests over HTTP. One statement for all questions of a kind. */
export async function answerQuestions(context: Context, items: readonly QuestionItem[]): Promise<void> {
  await answerPresence(context, select(items, 'presence'));
  await answerDevices(context, select(items, 'devices'));
  await answerTokens(context, select(items, 'token'));
}

async function answerPresence(context: Context, items: readonly ItemOf<'presence'>[]): Promise<void> {
  if (items.length === 0) return;
  const users = [...new Set(items.flatMap(({ entry }) => entry.users))];
  const found = await findPresentDevices(context.db, users, context.leaseMs);
  const byUser = Map.groupBy(found, ({ user }) => user);
  for (const { entry, delivery } of items) {
    const present = [...new Set(entry.users)].flatMap((user) => byUser.get(user) ?? []);
    answer(context, entry, { present }, delivery);
  }
}

async function answerDevices(context: Context, items: readonly ItemOf<'devices'>[]): Promise<void> {
  if (items.length === 0) return;
  const found = await findDevices(
    context.db,
    items.map(({ entry }) => entry.user),
  );
  const byUser = Map.groupBy(found, ({ user }) => user);
  for (const { entry, delivery } of items) {
    const devices = (byUser.get(entry.user) ?? []).map(({ device, since }) => ({ device, since }));
    answer(context, entry, { devices }, delivery);
  }
}

async function answerTokens(context: Context, items: readonly ItemOf<'token'>[]): Promise<void> {
  if (items.length === 0) return;
  const revoked = await areRevoked(
    context.db,
    items.map(({ entry }) => entry),
  );
  for (const [n, { entry, delivery }] of items.entries())
    answer(context, entry, { revoked: revoked[n] === true }, delivery);
}

/** Tells the asker, if there is one. @param cause held until the broker has confirmed the answer */
export function answer(
  { gatewaySender }: Pick<Context, 'gatewaySender'>,
  { session, gateway }: { session?: string | undefined; gateway?: string | undefined },
  fields: Omit<Answer, 'kind' | 'session'>,
  cause: Delivery,
): void {
  if (session === undefined || gateway === undefined) return;
  gatewaySender.send(gateway, { kind: 'answer', session, ...fields }, cause);
}
