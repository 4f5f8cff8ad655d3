/**
 * An example for each section of the reference that has options, by the section's title. Each is a part of a file; a test
 * reads all of them with the program's own loader.
 */
export const EXAMPLES: Readonly<Record<string, string>> = {
  'Top level': `
store:
  region: ap-southeast-3
  createSecrets: true
providers:
  - name: pivot
    kind: pivot
    credentials:
      merchantId: { env: PIVOT_MERCHANT_ID }
      merchantSecret: { file: /etc/token-refresher/pivot/merchant-secret }
    secret: payments/pivot
`,
  References: `
providers:
  - name: pivot-b2b
    kind: pivot-b2b
    credentials:
      clientId: { env: PIVOT_CLIENT_ID }
      privateKey: { file: /etc/token-refresher/pivot/private-key.pem }
      passphrase: { awsSecret: credentials/pivot, key: passphrase }
    secret: payments/pivot-b2b
`,
  store: `
store:
  region: ap-southeast-3
  createSecrets: true
  tags: { team: payments }
  adopt: [payments/pik]
  versionBudget: 100
`,
  readers: `
readers:
  staleness: 1m
`,
  'Coordination none': `
coordination: { kind: none }
`,
  'Coordination kubernetes': `
coordination:
  kind: kubernetes
  leaseDuration: 15s
  renewDeadline: 10s
  retryPeriod: 2s
`,
  journal: `
journal:
  dir: /run/token-refresher/journal
`,
  alerts: `
alerts:
  name: payments-production
  remindEvery: 4h
  runbookUrl: https://wiki.example.com/token-refresher/runbook
  sinks:
    - kind: slack
      url: { file: /etc/token-refresher/alerts/slack-url }
  heartbeat:
    url: { file: /etc/token-refresher/alerts/heartbeat-url }
    every: 1m
`,
  'Sink slack': `
alerts:
  sinks:
    - kind: slack
      url: { file: /etc/token-refresher/alerts/slack-url }
`,
  'Sink pagerduty': `
alerts:
  sinks:
    - kind: pagerduty
      leastSeverity: critical
      routingKey: { file: /etc/token-refresher/alerts/pagerduty-routing-key }
`,
  'Sink alertmanager': `
alerts:
  sinks:
    - kind: alertmanager
      urls:
        - http://alertmanager-0.alertmanager.monitoring:9093
        - http://alertmanager-1.alertmanager.monitoring:9093
`,
  'Sink webhook': `
alerts:
  sinks:
    - kind: webhook
      url: { awsSecret: alerts/webhook, key: url }
      hmacKey: { awsSecret: alerts/webhook, key: hmac_key }
`,
  'Sink sns': `
alerts:
  sinks:
    - kind: sns
      topicArn: arn:aws:sns:ap-southeast-3:123456789012:payments-alerts
`,
  http: `
http:
  host: "::" # every address, IPv6 and IPv4
  port: 8080
`,
  log: `
log:
  level: info
  format: json
`,
  'Options of every provider': `
providers:
  - name: apimw
    kind: apimw
    credentials:
      apiKey: { env: APIMW_API_KEY }
      apiSecret: { env: APIMW_API_SECRET }
    secret: payments/apimw
    refreshAfter: 0.9
    fetchBudget: 1000/day
    timeout: 5s
`,
  'Listed customers': `
providers:
  - name: pivot-b2b2c
    kind: pivot-b2b2c
    credentials:
      clientId: { env: PIVOT_CLIENT_ID }
      privateKey: { file: /etc/token-refresher/pivot/private-key.pem }
    secret: payments/pivot-b2b2c/{customer}
    customers:
      - name: ayu
        bindingId: { awsSecret: customers/pivot-bindings, key: ayu }
      - name: budi
        bindingId: { awsSecret: customers/pivot-bindings, key: budi }
        secret: partners/budi/pivot-token
`,
  'Discovered customers': `
providers:
  - name: pivot-b2b2c
    kind: pivot-b2b2c
    credentials:
      clientId: { env: PIVOT_CLIENT_ID }
      privateKey: { file: /etc/token-refresher/pivot/private-key.pem }
    secret: payments/pivot-b2b2c/{customer}
    customers:
      discover: { tag: app=pivot-bindings, every: 1m }
`,
  'Kind pik': `
providers:
  - name: pik
    kind: pik
    baseUrl: https://pik.example.com
    credentials:
      appId: { env: PIK_APP_ID }
      appSecret: { env: PIK_APP_SECRET }
    secret: payments/pik
`,
  'Kind pivot-b2b': `
providers:
  - name: pivot-b2b
    kind: pivot-b2b
    credentials:
      clientId: { env: PIVOT_CLIENT_ID }
      privateKey: { file: /etc/token-refresher/pivot/private-key.pem }
    secret: payments/pivot-b2b
`,
  'Kind pivot-b2b2c': `
providers:
  - name: pivot-b2b2c
    kind: pivot-b2b2c
    credentials:
      clientId: { env: PIVOT_CLIENT_ID }
      privateKey: { file: /etc/token-refresher/pivot/private-key.pem }
    secret: payments/pivot-b2b2c/{customer}
    customers:
      - name: ayu
        bindingId: { awsSecret: customers/pivot-bindings, key: ayu }
`,
  'Kind pivot': `
providers:
  - name: pivot
    kind: pivot
    credentials:
      merchantId: { env: PIVOT_MERCHANT_ID }
      merchantSecret: { awsSecret: credentials/pivot-merchant }
    secret: payments/pivot
`,
  'Kind apimw': `
providers:
  - name: apimw
    kind: apimw
    credentials:
      apiKey: { awsSecret: credentials/apimw, key: api_key }
      apiSecret: { awsSecret: credentials/apimw, key: api_secret }
    secret: payments/apimw
`,
  'Kind paysecurez': `
providers:
  - name: paysecurez
    kind: paysecurez
    credentials:
      clientId: { file: secrets/paysecurez-client-id }
      clientSecret: { file: secrets/paysecurez-client-secret }
    secret: payments/paysecurez
`,
};
