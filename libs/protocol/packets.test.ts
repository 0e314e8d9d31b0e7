import { expectTypeOf, test } from 'vitest';
import type * as client from './client-packets.ts';
import type * as written from './packets.ts';
import type * as server from './server-packets.ts';

/** One object type instead of an intersection, so that only the fields count. A body may be nested for ever. */
type Flat<T> = T extends object ? { [K in keyof T]: K extends 'body' ? T[K] : Flat<T[K]> } : T;

// The type check (`npm run check`) is what fails here.
test('the types that are written out are those of the schemas', () => {
  expectTypeOf<Flat<written.ServerPacket>>().toEqualTypeOf<Flat<server.ServerPacket>>();
  expectTypeOf<Flat<written.ClientPacket>>().toEqualTypeOf<Flat<client.ClientPacket>>();
  expectTypeOf<Flat<written.LoginA>>().toEqualTypeOf<Flat<server.LoginA>>();
  expectTypeOf<Flat<written.MsgN>>().toEqualTypeOf<Flat<server.MsgN>>();
  expectTypeOf<Flat<written.OfflineN>>().toEqualTypeOf<Flat<server.OfflineN>>();
  expectTypeOf<Flat<written.ErrorPacket>>().toEqualTypeOf<Flat<server.ErrorPacket>>();
});
