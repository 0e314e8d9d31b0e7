import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Request, Response } from 'express';
import { expect, test } from 'vitest';
import { RequestsUnderWay } from './requests-under-way.ts';

test('a socket that fails with every piece that comes is ended once, with its answer', () => {
  const socket = new Socket();
  const request = new IncomingMessage(socket);
  request.complete = true;
  const response = new ServerResponse(request);
  const underWay = new RequestsUnderWay(1);
  underWay.admit(request as Request, response as Response, () => undefined);
  const before = response.listenerCount('finish');
  for (let pieces = 0; pieces < 20; pieces++) expect(underWay.fail(socket, 'bad_request')).toBe(true);
  expect(response.listenerCount('finish')).toBe(before + 1);
  expect(response.shouldKeepAlive).toBe(false);
});
