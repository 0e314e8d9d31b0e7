import { MAX_PULL } from '#libs/protocol/limits.ts';
import type { OfflineMessage, OfflineReceipt, ServerPacket } from '#libs/protocol/server-packets.ts';
import type { LoadSocket } from './socket.ts';

export interface MailboxReader {
  message: (message: OfflineMessage) => void;
  receipt: (receipt: OfflineReceipt) => void;
  fault: (what: string) => void;
}

const ASK = JSON.stringify({ type: 'offline:R', limit: MAX_PULL });

/**
 * Pulls a mailbox page by page, confirms each page, and goes on whenever a hint says that there is more (PROTOCOL: what a
 * client must do, 5).
 */
export function readMailbox(socket: LoadSocket, reader: MailboxReader): void {
  let asked = false;
  let hinted = false;
  const ask = () => {
    [asked, hinted] = [true, false];
    socket.send(ASK);
  };
  socket.onEnd = (why) => reader.fault(`a connection ended: ${why}`);
  socket.onText = (chunk, begin, end) => {
    const packet = JSON.parse(chunk.slice(begin, end)) as ServerPacket;
    if (packet.type !== 'offline:N') {
      reader.fault(`unexpected: ${chunk.slice(begin, Math.min(end, begin + 300))}`);
      return;
    }
    const { messages, receipts, more } = packet;
    messages.forEach(reader.message);
    receipts.forEach(reader.receipt);
    const keys = [...messages, ...receipts].map(({ key }) => key);
    if (keys.length > 0) socket.send(JSON.stringify({ type: 'offline:A', keys }));
    else if (more && asked) {
      hinted = true; // asking now would bring the page twice that is on its way
      return;
    }
    asked = false;
    if (more || hinted) ask();
  };
  ask();
}
