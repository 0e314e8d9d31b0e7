import type { Request } from 'express';
import { decodeMessage } from '#libs/protocol/decode.ts';
import { msgR } from '../handlers/msg.ts';
import { packetsIn } from '../metrics.ts';
import { tokensFor } from '../rate-limit.ts';
import { Batch, NDJSON_TYPE } from './batch.ts';
import { jsonText, mediaType } from './body.ts';
import { actingUser, requireScope } from './caller.ts';
import type { Call, Endpoint } from './endpoint.ts';
import { HttpSender, HttpSession } from './http-sender.ts';
import { badPacket, rateLimited, refusal } from './problems.ts';

/** POST /v1/messages (PROTOCOL: msg:R, over HTTP). */
export const messages: Endpoint = {
  method: 'post',
  path: '/messages',
  handle: async (call, request, response) => {
    if (mediaType(request) === NDJSON_TYPE) {
      if (call.caller.service) requireScope(call.caller.service, 'send');
      new Batch(call, request, response);
    } else response.status(202).json(await sendOne(call, request));
  },
};

/** Resolves when the message is durable. @throws Problem */
async function sendOne(call: Call, request: Request): Promise<{ id: string; at: number }> {
  const { gateway, rates, caller } = call;
  const read = decodeMessage(await jsonText(request, gateway.config.MAX_PACKET_BYTES));
  packetsIn[read.fault ? 'unreadable' : 'msg:R'].inc();
  if (read.fault) throw badPacket(read.fault.message, read.fault.re);
  const { packet, from } = read;
  const session = new HttpSession();
  const sender = new HttpSender(actingUser(caller, from, 'send', 'from'), caller.canSend, session);
  const more = tokensFor(packet.to) - 1;
  if (more > 0 && !rates.charge(caller, more)) throw rateLimited('too many receivers at this rate');
  request.res?.once('close', () => (session.closed = true));
  return new Promise((resolve, reject) => {
    msgR(gateway, sender, packet, {
      accepted: (id, at) => resolve({ id, at }),
      refused: (code, message, re) => reject(refusal(code, message, re)),
    });
  });
}
