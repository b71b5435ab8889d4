// What the container of 52-urls.t runs: a service for each protocol; each tells how it was asked.
const http = require('http'), https = require('https'), http2 = require('http2');
const told = (name) => (request, response) => {
	if (request.url === '/events') { // one at once, another two seconds later
		response.writeHead(200, { 'Content-Type': 'text/event-stream' });
		let n = 0;
		const event = () => response.write(`data: ${n++}\n\n`);
		event();
		const timer = setInterval(event, 500);
		response.on('close', () => clearInterval(timer));
		return;
	}
	if (request.url === '/cookies')
		response.setHeader('Set-Cookie', ['a=1', 'b=2; Path=/; Domain=box1.test; Secure', 'c=3; domain = .box1.test',
			'd=4; Domain=x.test; Domain=y.test; Domain=z.test; Domain=box1.test; HttpOnly', 'domain=5; Path=/', 'e=6;DOMAIN=box1.test;Path=/e']);
	let size = 0;
	request.on('data', (part) => { size += part.length; });
	request.on('end', () => {
		response.setHeader('Content-Type', 'application/json');
		response.end(JSON.stringify({ service: name, url: request.url, version: request.httpVersion, size, headers: request.headers }) + '\n');
	});
};
const upgrade = (request, socket) => {
	socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n');
	socket.on('error', () => {});
	socket.pipe(socket);
};
http.createServer(told('default')).listen(80);
http.createServer(told('plain')).listen(9000);
https.createServer({ key: process.env.KEY, cert: process.env.CERT }, told('tls')).listen(9443);
const grpc = http2.createServer();
grpc.on('stream', (stream, headers) => {
	stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
	stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
	stream.on('error', () => {});
	stream.end(`grpc ${headers['content-type']} ${headers[':path']}`);
});
grpc.listen(9001);
http.createServer(told('websocket')).on('upgrade', upgrade).listen(9002);
http.createServer(told('unnamed')).listen(9003);
http.createServer(told('unlisted')).listen(9999);
