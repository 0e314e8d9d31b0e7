import { Counter, Gauge } from 'prom-client';

export const databaseConnected = new Gauge({
  name: 'sixfold_database_connected',
  help: '1 while the last query reached Postgres',
});

export const statementsTotal = new Counter({
  name: 'sixfold_database_statements_total',
  help: 'SQL statements, by name; failed ones included',
  labelNames: ['statement'],
});
