import { Gauge } from 'prom-client';

export const databaseConnected = new Gauge({
  name: 'sixfold_database_connected',
  help: '1 while the last query reached Postgres',
});
