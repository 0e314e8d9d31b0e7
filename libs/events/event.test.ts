import { expect, test } from 'vitest';
import { ConfigError, readConfig } from '#libs/runtime/config.ts';
import { eventsConfig } from './config.ts';
import { EVENT_TYPES, eventId } from './event.ts';

test('an event id is the same for the same fact, in every version, and another one for any other', () => {
  expect(eventId('message.stored', 'alice', 'm1', 'bob')).toMatchInlineSnapshot(`"YChEMkyc-pFI9ablmKTbxA"`);
  const others = [
    eventId('message.stored', 'alice', 'm1', 'bo'),
    eventId('message.stored', 'alice', 'm1b', 'ob'),
    eventId('message.delivered', 'alice', 'm1', 'bob'),
    eventId('message.stored', 'alice', 'm1', 'bob'),
  ];
  expect(new Set(others).size).toBe(4);
});

test('EVENTS is a list of types, each once; empty by default', () => {
  expect(readConfig(eventsConfig, {}).EVENTS).toEqual([]);
  expect(readConfig(eventsConfig, { EVENTS: EVENT_TYPES.join(',') }).EVENTS).toEqual([...EVENT_TYPES]);
  const spaced = { EVENTS: ' message.stored , message.stored,session.up,' };
  expect(readConfig(eventsConfig, spaced).EVENTS).toEqual(['message.stored', 'session.up']);
});

test.for(['message.storeD', 'stored', 'message.*', 'message.stored;session.up'])(
  'EVENTS=%s is a ConfigError that names the types there are',
  (EVENTS) => {
    expect(() => readConfig(eventsConfig, { EVENTS })).toThrow(ConfigError);
    expect(() => readConfig(eventsConfig, { EVENTS })).toThrow(
      /EVENTS must be .*message\.accepted.*session\.down/,
    );
  },
);
