import { WebSocket } from 'ws';
import type { ServerPacket } from '#libs/protocol/server-packets.ts';
import { SUBPROTOCOL } from '#libs/protocol/limits.ts';
import { signToken } from '../../stack/token.ts';

/** Where to connect, and with what to sign tokens. */
export interface Target {
  url: string;
  secret: string;
}

/** Opens a WebSocket, and nothing more. */
export async function open({ url }: Target): Promise<WebSocket> {
  const ws = new WebSocket(url, SUBPROTOCOL, { perMessageDeflate: false });
  ws.on('error', () => undefined); // a close follows it
  await new Promise<void>((resolve, reject) => {
    ws.once('open', resolve);
    ws.once('close', (code) => reject(new Error(`closed with ${code} before it was open`)));
  });
  return ws;
}

/** Opens a WebSocket and logs in. @param onPacket every packet after the login:A */
export async function logIn(
  target: Target,
  user: string,
  onPacket: (packet: ServerPacket) => void = () => undefined,
): Promise<WebSocket> {
  const token = await signToken(target.secret, user);
  const ws = await open(target);
  ws.send(JSON.stringify({ type: 'login:R', token }));
  await new Promise<void>((resolve, reject) => {
    ws.once('message', (data: Buffer) => {
      const packet = JSON.parse(data.toString()) as ServerPacket;
      if (packet.type === 'login:A') resolve();
      else reject(new Error(`${user} could not log in: ${data.toString()}`));
    });
    ws.once('close', (code) => reject(new Error(`closed with ${code} before ${user} was logged in`)));
  });
  ws.on('message', (data: Buffer) => onPacket(JSON.parse(data.toString()) as ServerPacket));
  return ws;
}
