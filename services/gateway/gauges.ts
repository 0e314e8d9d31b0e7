import { Gauge } from 'prom-client';
import type { Gateway } from './gateway.ts';
import type { GatewayConsumer } from './gateway-consumer.ts';

type Measured = Pick<Gateway, 'sessions' | 'connections' | 'authorizer'>;

/** Values that are read off at the moment of a scrape. */
export function exportGauges(
  { sessions, connections, authorizer }: Measured,
  consumer?: Pick<GatewayConsumer, 'unsettledBytes'>,
): void {
  const gauge = (name: string, help: string, values: () => Iterable<number>) =>
    new Gauge({
      name,
      help,
      collect() {
        let sum = 0;
        for (const value of values()) sum += value;
        this.set(sum);
      },
    });
  gauge('sixfold_sessions', 'Sessions that are logged in', () =>
    sessions.values().map(({ registered }) => Number(registered)),
  );
  gauge('sixfold_connections', 'WebSockets, logged in or not', () => [connections.size]);
  gauge('sixfold_inflight_messages', 'Messages with clients or waiting for them, unconfirmed', () =>
    sessions.values().map(({ window }) => window.size),
  );
  gauge('sixfold_unsettled_bytes', 'Bytes of deliveries from RabbitMQ that are not settled', () => [
    consumer?.unsettledBytes ?? 0,
  ]);
  gauge('sixfold_send_buffer_bytes', 'Bytes that wait for clients to read them', () =>
    connections.values().map(({ sendBufferBytes }) => sendBufferBytes),
  );
  gauge('sixfold_authorize_waiting', 'Messages that wait for the authorization endpoint', () => [
    authorizer?.waiting ?? 0,
  ]);
  gauge('sixfold_authorize_cached', 'Cached answers of the authorization endpoint', () => [
    authorizer?.cached ?? 0,
  ]);
}
