// Loaded into a Node.js that migrates a database of the sandbox: names below `localhost` are this machine by rule
// (RFC 6761, section 6.3), and many resolvers do not know them. The certificate is still verified by the name.
"use strict";
const dns = require("node:dns");

const known = (name) => (/(^|\.)localhost\.?$/i.test(name) ? "127.0.0.1" : name);
for (const asked of [dns, dns.promises]) {
  const { lookup } = asked;
  asked.lookup = (name, ...more) => lookup(known(name), ...more);
}
