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
  'Store aws-secrets-manager': `
store:
  region: ap-southeast-3
  createSecrets: true
  tags: { team: payments }
  adopt: [payments/pik]
  versionBudget: 100
`,
  stores: `
stores:
  jakarta: { kind: aws-secrets-manager, region: ap-southeast-3 }
  singapore: { kind: aws-secrets-manager, region: ap-southeast-1, staleness: 1m }
publish: { to: jakarta, mirrors: [singapore] }
`,
  publish: `
stores:
  jakarta: { kind: aws-secrets-manager, region: ap-southeast-3 }
  singapore: { kind: aws-secrets-manager, region: ap-southeast-1 }
publish:
  to: singapore
  mirrors: [jakarta]
`,
  'Store kubernetes-secret': `
store:
  kind: kubernetes-secret
  createSecrets: true
  tags: { team: payments }
  annotations: { example.com/owner: payments }
  adopt: [payments/pik]
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
  rejections: `
rejections:
  allow:
    - serviceAccount: payments/checkout
      tokens: [pivot, pivot-b2b2c/*]
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
  'Kind oauth2': `
providers:
  - name: graph
    kind: oauth2
    tokenUrl: https://login.microsoftonline.com/my-tenant/oauth2/v2.0/token
    auth: client_secret_post
    scope: https://graph.microsoft.com/.default
    credentials:
      clientId: { env: GRAPH_CLIENT_ID }
      clientSecret: { env: GRAPH_CLIENT_SECRET }
    secret: tokens/graph
`,
  'Kind http': `
providers:
  - name: warehouse
    kind: http
    credentials:
      user: { env: WAREHOUSE_USER }
      password: { file: /etc/token-refresher/warehouse/password }
    request:
      url: https://api.warehouse.example/login
      body: { json: { user: "\${user}", password: "\${password}" } }
    success: { all: [{ path: code, is: OK }] }
    token: { path: data.token }
    expiry: [{ path: data.expiresInMinutes, as: minutes }]
    secret: tokens/warehouse
`,
  'Kind snap': `
providers:
  - name: bank
    kind: snap
    baseUrl: https://api.bank.example
    path: /openapi/v1.0/access-token/b2b
    credentials:
      clientId: { env: BANK_CLIENT_ID }
      privateKey: { file: /etc/token-refresher/bank/private-key.pem }
    secret: tokens/bank
`,
  'Kinds that ship': `
providers:
  - name: paypal
    kind: paypal
    credentials:
      clientId: { env: PAYPAL_CLIENT_ID }
      clientSecret: { env: PAYPAL_CLIENT_SECRET }
    secret: tokens/paypal
`,
  presets: `
presets:
  acme:
    title: Acme, a token for an hour
    source: https://docs.acme.example/login
    checked: 2026-11-28
    form: http
    lifetime: 1h
    baseUrl: https://api.acme.example
    credentials: { apiKey: { description: "sent as X-API-Key" } }
    request: { url: /login, headers: { x-api-key: "\${apiKey}" } }
    token: { path: token }
providers:
  - name: acme
    kind: acme
    credentials: { apiKey: { env: ACME_API_KEY } }
    secret: tokens/acme
`,
};
