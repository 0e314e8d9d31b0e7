import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { CLIENT_PACKETS } from './client-packets.ts';
import {
  CLOSE_NOT_UTF8,
  CLOSE_PROTOCOL_ERROR,
  CLOSE_TOO_LARGE,
  CLOSE_TOO_MANY_FRAMES,
  CLOSE_UNSUPPORTED_DATA,
  CODES,
  type CodeRule,
} from './codes.ts';
import { MAX_BAD_PACKETS } from './limits.ts';
import { SERVER_PACKETS } from './server-packets.ts';

/** docs/PROTOCOL.md says what the schemas and the code table say. */

const page = readFileSync(new URL('../../docs/PROTOCOL.md', import.meta.url), 'utf8');

/** What stands under a heading, up to the next one of its level or above. */
function section(heading: string): string {
  const [marks = ''] = /^#+/.exec(heading) ?? [];
  const [, text = ''] = page.split(`\n${heading}\n`);
  return text.split(new RegExp(`^#{1,${marks.length}} `, 'm'))[0] ?? '';
}

/** The rows of all tables whose first column has this title, as trimmed cells. */
function rows(text: string, title: string): string[][] {
  return text
    .split(/\n(?!\|)/)
    .map((block) => block.split('\n').filter((line) => line.startsWith('|')))
    .map((lines) => lines.map((line) => line.split('|').slice(1, -1)))
    .map((table) => table.map((cells) => cells.map((cell) => cell.trim())))
    .filter(([head]) => head?.[0] === title)
    .flatMap(([, , ...body]) => body);
}

const unquoted = (cell = '') => cell.replaceAll('`', '');

/** Paths of all fields within a schema, at any depth, without those that no gateway sends yet. */
function fieldsWithin(schema: unknown, path: string): string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault)
    return fieldsWithin(schema.unwrap(), path);
  if (schema instanceof z.ZodArray) return fieldsWithin(schema.element, path);
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape).flatMap(([name, inner]) => [
    `${path}.${name}`,
    ...fieldsWithin(inner, `${path}.${name}`),
  ]);
}

const PACKETS: [string, Record<string, z.ZodObject>][] = [
  ['## Packets, client to server', CLIENT_PACKETS],
  ['## Packets, server to client', SERVER_PACKETS],
];

describe.each(PACKETS)('%s', (heading, packets) => {
  test('has a section for every packet, and no other', () => {
    const headings = [...section(heading).matchAll(/^### `(.+)`$/gm)].map(([, type]) => type);
    expect(headings.sort()).toEqual(Object.keys(packets).sort());
  });

  test.each(Object.entries(packets))(
    '%s lists its fields, and says which are optional',
    (type, { shape }) => {
      const text = section(`### \`${type}\``);
      const documented = rows(text, 'Field').map(([name, kind]) => [
        unquoted(name),
        kind?.includes('optional') ? 'optional' : 'required',
      ]);
      const actual = Object.entries(shape)
        .filter(([name]) => name !== 'type')
        .map(([name, field]) => [name, z.safeParse(field, undefined).success ? 'optional' : 'required']);
      expect(documented.sort()).toEqual(actual.sort());
      for (const [name, field] of Object.entries(shape))
        for (const path of fieldsWithin(field, `${type}.${name}`))
          expect(text).toContain(`\`${path.split('.').at(-1) ?? ''}\``);
    },
  );
});

describe('## Error codes and close codes', () => {
  const text = section('## Error codes and close codes');
  const RETRY = {
    no: /^no$/,
    yes: /^yes, with backoff$/,
    later: /^later$/,
    reconnect: /^yes, new connection$/,
  };
  const documented = new Map(rows(text, 'Code').map(([code, ...cells]) => [unquoted(code), cells]));

  test('lists every code, and no other', () => {
    expect([...documented.keys()].sort()).toEqual(Object.keys(CODES).sort());
  });

  test.each(Object.entries<CodeRule>(CODES))('%s: how it comes, and whether to retry', (code, rule) => {
    const [as = '', retry] = documented.get(code) ?? [];
    expect(as.startsWith(rule.as)).toBe(true);
    expect(as.match(/\d{4}/g) ?? []).toEqual(rule.close === undefined ? [] : [String(rule.close)]);
    expect(retry).toMatch(RETRY[rule.retry]);
  });

  test('names the close codes of WebSocket itself, and how many bad packets close', () => {
    const codes = [CLOSE_PROTOCOL_ERROR, CLOSE_UNSUPPORTED_DATA, CLOSE_NOT_UTF8, CLOSE_TOO_MANY_FRAMES];
    for (const code of [...codes, CLOSE_TOO_LARGE]) expect(text).toContain(String(code));
    expect(documented.get('bad_packet')?.[0]).toContain(`after ${MAX_BAD_PACKETS} `);
  });
});
