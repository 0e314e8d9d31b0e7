/** What a load generator looks at in a packet. */
export interface Packet {
  type: string;
  id?: string;
  from?: string;
  state?: string;
}

const HEAD = '{"type":"';
/** Of msg:A, msg:N, ack:A and ack:N; names need no escapes, so they end at the next quotation mark. */
const TYPE_AT = HEAD.length;
const TYPE_LENGTH = 5;
const [ID, FROM, TO, STATE] = ['","id":"', '","from":"', '","to":"', '","state":"'];

/**
 * Reads the packet that `chunk` holds between the two positions. Those of every message are read without parsing them, as
 * long as their fields stand in the order that our gateway happens to write them in; everything else is parsed.
 */
export function readPacket(chunk: string, begin: number, end: number): Packet {
  return readHot(chunk, begin) ?? (JSON.parse(chunk.slice(begin, end)) as Packet);
}

function readHot(chunk: string, begin: number): Packet | undefined {
  const typeAt = begin + TYPE_AT;
  const typeEnd = typeAt + TYPE_LENGTH;
  if (!chunk.startsWith(ID, typeEnd) || !chunk.startsWith(HEAD, begin)) return undefined;
  const type = chunk.slice(typeAt, typeEnd);
  const idAt = typeEnd + ID.length;
  const idEnd = chunk.indexOf('"', idAt);
  const id = chunk.slice(idAt, idEnd);
  if (type === 'msg:A' || type === 'ack:A') return { type, id };
  if (type === 'msg:N' && chunk.startsWith(FROM, idEnd))
    return { type, id, from: upToQuote(chunk, idEnd + FROM.length) };
  if (type !== 'ack:N' || !chunk.startsWith(TO, idEnd)) return undefined;
  const toEnd = chunk.indexOf('"', idEnd + TO.length);
  if (!chunk.startsWith(STATE, toEnd)) return undefined;
  return { type, id, state: upToQuote(chunk, toEnd + STATE.length) };
}

const upToQuote = (chunk: string, at: number) => chunk.slice(at, chunk.indexOf('"', at));
