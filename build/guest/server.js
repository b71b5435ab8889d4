// A small web server; says that it listens by a file, for who has no network to it.
const http = require('http');
const fs = require('fs');

http.createServer((request, response) => response.end('hello from node\n')).listen(80, () => fs.writeFileSync('/srv/ready', 'ready\n'));
