/** What the daemon is made of, loaded and nothing else: the least that its start can cost. */
import 'commander';
import 'node-cron';
import 'pino';
import 'yaml';
import 'prom-client';
import '@aws-sdk/client-secrets-manager';
import 'undici';
import 'zod';
import 'fastify';
